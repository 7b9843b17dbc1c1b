/* SPDX-License-Identifier: MIT */
#include "bench/html.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH 8 /* deeper values are shown as text */

static void fact(FILE *f, const char *key, const char *value)
{
	fputs("<tr><th scope=\"row\">", f);
	html_text(f, key);
	fputs("</th><td class=\"wrap\">", f);
	html_text(f, value);
	fputs("</td></tr>\n", f);
}

/* Words of a list, with blanks between them; NULL: it has something else, too. */
static char *join(const json_t *list)
{
	char *text = NULL;
	size_t len, i;
	json_t *word;
	FILE *f = open_memstream(&text, &len);
	bool all = f != NULL;

	json_array_foreach(list, i, word)
	{
		all &= json_is_string(word);
		if (all)
			fprintf(f, "%s%s", i ? " " : "", json_string_value(word));
	}
	if (f)
		fclose(f);
	if (all)
		return text;
	free(text);
	return NULL;
}

/* VALUE as text; the caller frees it. */
static char *as_text(const json_t *value)
{
	if (json_is_string(value))
		return strdup(json_string_value(value));
	if (json_is_null(value))
		return strdup("unknown");
	if (json_is_array(value)) {
		char *words = join(value);

		if (words)
			return words;
	}
	return json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
}

/* VALUE and what is in it, a row each: "host.cpu". */
static void facts(FILE *f, const char *key, json_t *value, int depth)
{
	const char *name;
	json_t *member;
	char *text;

	if (json_is_object(value) && depth < DEPTH) {
		json_object_foreach(value, name, member)
		{
			char path[256];

			snprintf(path, sizeof(path), "%s%s%s", key, *key ? "." : "", name);
			facts(f, path, member, depth + 1);
		}
		return;
	}
	/* Lists of objects, a line for each guest: below, folded up. */
	if (json_is_array(value) && json_is_object(json_array_get(value, 0)))
		return;
	text = as_text(value);
	fact(f, key, text ? text : "");
	free(text);
}

static void folded(FILE *f, const char *name, const json_t *value)
{
	char *text = json_dumps(value, JSON_INDENT(1));
	char *line, *rest = text;

	if (!text)
		return;
	fputs("<details><summary>", f);
	html_text(f, name);
	fprintf(f, " (%zu)</summary>\n<pre>", json_array_size(value));
	while ((line = strsep(&rest, "\n"))) {
		html_text(f, line);
		putc('\n', f);
	}
	fputs("</pre></details>\n", f);
	free(text);
}

int html_facts(FILE *f, const char *path, struct error *err)
{
	json_error_t why;
	json_t *root, *member;
	const char *name;
	FILE *in = fopen(path, "re");

	if (!in)
		return fail(err, -errno, "%.150s: %s", path, strerror(errno));
	root = json_loadf(in, 0, &why);
	fclose(in);
	if (!json_is_object(root)) {
		json_decref(root);
		return fail(err, -EINVAL, "%.150s:%d: no run.json: %.100s", path,
			    root ? 1 : why.line, root ? "it is no object" : why.text);
	}
	html_section(f, "run", "Run and host");
	fputs("<p class=\"note\">From ", f);
	html_text(f, path);
	fputs(".</p>\n<div class=\"scroll\" tabindex=\"0\"><table class=\"facts\">\n", f);
	facts(f, "", root, 0);
	fputs("</table></div>\n", f);
	json_object_foreach(root, name, member) if (json_is_array(member) &&
						    json_is_object(json_array_get(member, 0)))
		folded(f, name, member);
	html_section_end(f);
	json_decref(root);
	return 0;
}
