/* SPDX-License-Identifier: MIT */
#include "bench/html.h"
#include "bench/table.h"
#include "bench/utf8.h"
#include "version.h"

#include <math.h>
#include <string.h>
#include <sys/random.h>

void html_text(FILE *f, const char *text)
{
	static const struct {
		char c;
		const char *entity;
	} special[] = { { '&', "&amp;" },  { '<', "&lt;" },   { '>', "&gt;" },
			{ '"', "&quot;" }, { '\'', "&#39;" }, { '\n', " " } };

	while (*text) {
		int n = utf8_length(text);
		size_t i = 0;

		while (i < ARRAY_SIZE(special) && special[i].c != *text)
			i++;
		if (i < ARRAY_SIZE(special))
			fputs(special[i].entity, f);
		else if (!n)
			fputs("\uFFFD", f);
		else
			fwrite(text, 1, (size_t)n, f);
		text += n ? n : 1;
	}
}

/* What nobody can guess who wrote a file that is shown. */
static void make_nonce(char text[33])
{
	u8 byte[16] = { 0 };

	/* As of any file that is read here later, not as of a secret: without entropy it is
	 * better to wait than to be guessed. */
	while (getrandom(byte, sizeof(byte), 0) != sizeof(byte))
		;
	for (int i = 0; i < 16; i++)
		snprintf(text + 2 * i, 3, "%02x", byte[i]);
}

void html_begin(FILE *f, const char *title)
{
	char nonce[33];

	make_nonce(nonce);
	fprintf(f,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		"style-src 'unsafe-inline'; script-src 'nonce-%s'; base-uri 'none'; form-action "
		"'none'\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<meta name=\"generator\" content=\"fvbench ",
		nonce);
	html_text(f, FVB_VERSION);
	fputs("\">\n<title>", f);
	html_text(f, title);
	fprintf(f, "</title>\n<style>\n%s</style>\n<script nonce=\"%s\">\n", page_css, nonce);
	/* At once it would find no table. */
	fprintf(f,
		"document.addEventListener('DOMContentLoaded', function () {\n%s});\n"
		"</script>\n</head>\n<body>\n<h1>",
		page_js);
	html_text(f, title);
	fputs("</h1>\n<nav><ul></ul></nav>\n", f);
}

void html_end(FILE *f)
{
	fputs("<footer class=\"note\"><p>Made by fvbench ", f);
	html_text(f, FVB_VERSION);
	fputs(". Nothing in this page is fetched from anywhere.</p></footer>\n</body>\n</html>\n",
	      f);
}

void html_section(FILE *f, const char *id, const char *title)
{
	fprintf(f, "<section id=\"%s\">\n<h2>", id);
	html_text(f, title);
	fputs("</h2>\n", f);
}

void html_section_end(FILE *f)
{
	fputs("</section>\n", f);
}

void html_table(FILE *f, const char *caption, const char *const *column, unsigned int n, u64 number)
{
	fputs("<p class=\"note\">", f);
	html_text(f, caption);
	fputs("</p>\n<div class=\"tools\" hidden><label>Only rows with <input type=\"search\" "
	      "placeholder=\"words\"></label> <output></output></div>\n"
	      "<div class=\"scroll\" tabindex=\"0\">\n<table class=\"sortable\">\n<thead><tr>",
	      f);
	for (unsigned int i = 0; i < n; i++) {
		fprintf(f, "<th scope=\"col\"%s><button type=\"button\">",
			number & BIT64(i) ? " class=\"n\"" : "");
		html_text(f, column[i]);
		fputs("</button></th>", f);
	}
	fputs("</tr></thead>\n<tbody>", f);
}

void html_table_end(FILE *f)
{
	fputs("\n</tbody>\n</table>\n</div>\n", f);
}

void html_row(FILE *f)
{
	/* The end tag may be left out. */
	fputs("\n<tr>", f);
}

void html_cell(FILE *f, const char *text)
{
	fputs("<td>", f);
	html_text(f, text);
	fputs("</td>", f);
}

void html_number_text(FILE *f, double v, const char *text)
{
	if (isfinite(v))
		fprintf(f, "<td class=\"n\" data-v=\"%.9g\">", v);
	else
		fputs("<td class=\"n\" data-v=\"\">", f);
	html_text(f, text);
	fputs("</td>", f);
}

void html_number(FILE *f, double v)
{
	char text[32] = "";

	if (!isnan(v))
		table_number(text, sizeof(text), v);
	html_number_text(f, v, text);
}

/* ---- pictures -------------------------------------------------------------------------------- */

/* Names in gnuplot's output get a number, and what it calls things ("gnuplot_plot_3"), which
 * browsers show under the pointer, is left out. Text in it has no '<', but may have the first four:
 * then there is a number in a label, and that is all. */
static const struct {
	const char *text;
	size_t keep;	  /* so many bytes of it stay, then comes the number */
	const char *skip; /* or all is left out up to the end of this */
} marks[] = {
	{ "id='gp", 4, NULL },	      { "url(#gp", 5, NULL },	   { "href='#gp", 7, NULL },
	{ "id=\"gnuplot_", 4, NULL }, { "id='textbox", 4, NULL },  { "url(#textbox", 5, NULL },
	{ "id='greybox", 4, NULL },   { "url(#greybox", 5, NULL }, { "<title>", 0, "</title>" },
	{ "<desc>", 0, "</desc>" },
};

/* The mark that AT begins with, or -1. */
static int mark_at(const char *at)
{
	if (!strchr("iuh<", *at))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (!strncmp(at, marks[i].text, strlen(marks[i].text)))
			return (int)i;
	return -1;
}

void html_svg(FILE *f, const char *svg, unsigned int n)
{
	const char *at = strstr(svg, "<svg");

	while (at && *at) {
		int mark = mark_at(at);

		if (mark < 0) {
			putc(*at++, f);
			continue;
		}
		fwrite(at, 1, marks[mark].keep, f);
		if (marks[mark].keep)
			fprintf(f, "p%u-", n);
		at += marks[mark].keep;
		if (marks[mark].skip) {
			at = strstr(at, marks[mark].skip);
			at = at ? at + strlen(marks[mark].skip) : NULL;
		}
	}
}
