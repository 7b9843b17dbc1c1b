/* SPDX-License-Identifier: MIT */
#include "tests/unit/jsoncheck.h"

#include <ctype.h>
#include <string.h>

/* A checker of RFC 8259's grammar that knows nothing of the writer: each function steps over one
 * thing, or returns NULL. */
static const char *value(const char *p);

static const char *space(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

static const char *string(const char *p)
{
	if (*p++ != '"')
		return NULL;
	for (; *p != '"'; p++) {
		if ((unsigned char)*p < 0x20)
			return NULL;
		if (*p != '\\')
			continue;
		p++;
		if (*p == 'u' && strspn(p + 1, "0123456789abcdefABCDEF") >= 4)
			p += 4;
		else if (!*p || !strchr("\"\\/bfnrt", *p))
			return NULL;
	}
	return p + 1;
}

static const char *members(const char *p, char close)
{
	for (p = space(p + 1); *p != close; p = space(p + 1)) {
		if (close == '}') {
			p = string(p);
			if (!p || *(p = space(p)) != ':')
				return NULL;
			p = space(p + 1);
		}
		p = value(p);
		if (!p)
			return NULL;
		p = space(p);
		if (*p == close)
			break;
		if (*p != ',' || *space(p + 1) == close)
			return NULL;
	}
	return p + 1;
}

static const char *value(const char *p)
{
	if (*p == '{')
		return members(p, '}');
	if (*p == '[')
		return members(p, ']');
	if (*p == '"')
		return string(p);
	if (!strncmp(p, "null", 4))
		return p + 4;
	if (!isdigit((unsigned char)*p) || (*p == '0' && isdigit((unsigned char)p[1])))
		return NULL;
	return p + strspn(p, "0123456789");
}

bool json_valid(const char *text)
{
	const char *end = value(space(text));

	return end && !*space(end);
}
