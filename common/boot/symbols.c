/* SPDX-License-Identifier: MIT */
#include "common/boot/symbols.h"

#include "common/boot/elf.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Symbols without a size are labels of assembly code; beyond this they say nothing. */
#define LABEL_REACH (64 * KiB)

/* Both classes as the 64-bit structures; the entries of a table may lie unaligned. */
static bool read_section(const struct elf *elf, u32 n, Elf64_Shdr *out)
{
	const void *p = image_at(elf->image, elf->shoff + (u64)n * elf->shentsize,
				 elf->wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr));
	Elf32_Shdr s;

	if (n >= elf->shnum || !p)
		return false;
	if (elf->wide) {
		memcpy(out, p, sizeof(*out));
		return true;
	}
	memcpy(&s, p, sizeof(s));
	*out = (Elf64_Shdr){ .sh_type = s.sh_type,
			     .sh_offset = s.sh_offset,
			     .sh_size = s.sh_size,
			     .sh_link = s.sh_link };
	return true;
}

static Elf64_Sym read_symbol(const struct elf *elf, const u8 *p)
{
	Elf64_Sym w;
	Elf32_Sym n;

	if (elf->wide) {
		memcpy(&w, p, sizeof(w));
		return w;
	}
	memcpy(&n, p, sizeof(n));
	return (Elf64_Sym){ .st_name = n.st_name,
			    .st_value = n.st_value,
			    .st_size = n.st_size,
			    .st_info = n.st_info,
			    .st_shndx = n.st_shndx };
}

/* The symbol table and its names, which end in a zero byte. */
static bool find_table(const struct elf *elf, Elf64_Shdr *table, Elf64_Shdr *names)
{
	const char *end;

	for (u32 n = 0; read_section(elf, n, table); n++) {
		if (table->sh_type != SHT_SYMTAB)
			continue;
		if (!read_section(elf, table->sh_link, names) || !names->sh_size ||
		    !image_at(elf->image, names->sh_offset, names->sh_size) ||
		    !image_at(elf->image, table->sh_offset, table->sh_size))
			return false;
		end = image_at(elf->image, names->sh_offset + names->sh_size - 1, 1);
		return !*end;
	}
	return false;
}

static bool wanted(const Elf64_Sym *sym, u64 names_size)
{
	unsigned int type = ELF64_ST_TYPE(sym->st_info);

	return (type == STT_FUNC || type == STT_NOTYPE) && sym->st_shndx != SHN_UNDEF &&
	       sym->st_shndx != SHN_ABS && sym->st_name && sym->st_name < names_size;
}

static int ascending(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	/* Of several, the last one answers: a function rather than a label. */
	return (x->size > y->size) - (x->size < y->size);
}

static int read_table(struct symbols *s, const struct elf *elf, const Elf64_Shdr *table,
		      const Elf64_Shdr *names, struct error *err)
{
	size_t size = elf->wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	size_t nr = table->sh_size / size;
	const u8 *p = image_at(elf->image, table->sh_offset, table->sh_size);

	s->symbol = calloc(nr + 1, sizeof(*s->symbol));
	s->names = malloc(names->sh_size);
	if (!s->symbol || !s->names)
		return fail(err, -ENOMEM, "out of memory for the symbols of %s",
			    image_label(elf->image->path));
	memcpy(s->names, image_at(elf->image, names->sh_offset, names->sh_size), names->sh_size);
	for (; nr--; p += size) {
		Elf64_Sym sym = read_symbol(elf, p);

		if (wanted(&sym, names->sh_size))
			s->symbol[s->nr++] = (struct symbol){ .address = sym.st_value + elf->moved,
							      .size = sym.st_size,
							      .name = s->names + sym.st_name };
	}
	qsort(s->symbol, s->nr, sizeof(*s->symbol), ascending);
	return 0;
}

/* ---- lists ----------------------------------------------------------------------------------- */

/* "ffffffff81000000 T _text", of a function in text: into SYM. LINE is cut up. */
static bool parse_line(char *line, struct symbol *sym)
{
	char *end, *name;
	u64 address;

	errno = 0;
	address = strtoull(line, &end, 16);
	if (errno || end == line || end[0] != ' ' || !strchr("tTwW", end[1]) || !end[1] ||
	    end[2] != ' ' || !address)
		return false;
	name = end + 3;
	name[strcspn(name, " \t\r")] = '\0';
	*sym = (struct symbol){ .address = address, .name = name };
	return *name;
}

/* Does it begin as a line of such a list? */
static bool is_list(const struct image *image)
{
	u64 n = 0;

	while (n < image->size && isxdigit(image->data[n]))
		n++;
	return n >= 8 && n <= 16 && n + 3 < image->size && image->data[n] == ' ' &&
	       isalpha(image->data[n + 1]) && image->data[n + 2] == ' ';
}

static int read_list(struct symbols *s, const struct image *image, struct error *err)
{
	size_t lines = 1;
	char *next;

	for (u64 n = 0; n < image->size; n++)
		lines += image->data[n] == '\n';
	s->symbol = calloc(lines, sizeof(*s->symbol));
	s->names = malloc(image->size + 1);
	if (!s->symbol || !s->names)
		return fail(err, -ENOMEM, "out of memory for the symbols of %s",
			    image_label(image->path));
	memcpy(s->names, image->data, image->size);
	s->names[image->size] = '\0';
	for (char *line = next = s->names; next; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		s->nr += parse_line(line, &s->symbol[s->nr]);
	}
	qsort(s->symbol, s->nr, sizeof(*s->symbol), ascending);
	return 0;
}

int symbols_load(struct symbols *s, const char *path, struct error *err)
{
	Elf64_Shdr table, names;
	struct image image;
	struct elf elf;
	int r;

	*s = (struct symbols){ 0 };
	r = image_open(&image, path, err);
	if (r)
		return r;
	if (elf_probe(&image) && !elf_parse(&elf, &image, NULL) && find_table(&elf, &table, &names))
		r = read_table(s, &elf, &table, &names, err);
	else if (is_list(&image))
		r = read_list(s, &image, err);
	image_close(&image);
	if (r)
		symbols_free(s);
	return r;
}

void symbols_free(struct symbols *s)
{
	free(s->symbol);
	free(s->names);
	*s = (struct symbols){ 0 };
}

void symbols_name(const struct symbols *s, u64 address, char *text, size_t size)
{
	size_t low = 0, high = s->nr;
	const struct symbol *sym;
	u64 offset;

	*text = '\0';
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->symbol[mid].address <= address)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return;
	sym = &s->symbol[low - 1];
	offset = address - sym->address;
	if (offset >= (sym->size ? sym->size : LABEL_REACH))
		return;
	if (offset)
		snprintf(text, size, "%s+%#" PRIx64, sym->name, offset);
	else
		snprintf(text, size, "%s", sym->name);
}
