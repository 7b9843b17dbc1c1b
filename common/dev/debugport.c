/* SPDX-License-Identifier: MIT */
#include "common/dev/debugport.h"

#define POST_PORT    0x80
#define CONSOLE_PORT 0xe9
#define EXIT_PORT    0xf4
#define EXIT_PORTS   4

static u64 post_read(void *dev, u64 offset, unsigned int size)
{
	const struct debugport *port = dev;

	(void)offset, (void)size;
	return port->post;
}

static void post_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct debugport *port = dev;

	(void)offset, (void)size;
	port->post = (u8)value;
}

static u64 console_read(void *dev, u64 offset, unsigned int size)
{
	(void)dev, (void)offset, (void)size;
	return CONSOLE_PORT;
}

static void console_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	const struct debugport *port = dev;

	(void)offset, (void)size;
	port->put(port->put_arg, (u8)value);
}

static u64 exit_read(void *dev, u64 offset, unsigned int size)
{
	(void)dev, (void)offset, (void)size;
	return 0;
}

static void exit_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	const struct debugport *port = dev;

	(void)offset, (void)size;
	port->exit(port->exit_arg, ((u32)value << 1 | 1) & 0xff);
}

static const struct bus_ops post_ops = { post_read, post_write, true };
static const struct bus_ops console_ops = { console_read, console_write, true };
static const struct bus_ops exit_ops = { exit_read, exit_write, true };

void debugport_init(struct debugport *port, void (*put)(void *arg, u8 byte), void *put_arg,
		    void (*exit)(void *arg, int status), void *exit_arg)
{
	*port = (struct debugport){ put, put_arg, exit, exit_arg, 0 };
}

int debugport_attach(struct debugport *port, struct bus *pio)
{
	const struct bus_region region[] = {
		{ "POST code", POST_PORT, 1, 1, &post_ops, port },
		{ "debug console", CONSOLE_PORT, 1, 1, &console_ops, port },
		{ "exit port", EXIT_PORT, EXIT_PORTS, 4, &exit_ops, port },
	};

	return bus_add_all(pio, region, ARRAY_SIZE(region));
}
