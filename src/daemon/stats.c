/* The counters, for SIGUSR1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banterd/daemon/server.h"

static unsigned long
memory_kb(void)
{
	unsigned long pages = 0;
	char line[128], *second;
	FILE *f;

	if ((f = fopen("/proc/self/statm", "re")) == NULL)
		return 0;
	if (fgets(line, sizeof(line), f) != NULL &&
	    (second = strchr(line, ' ')) != NULL)
		pages = strtoul(second, NULL, 10);
	(void)fclose(f);
	return pages * (unsigned long)sysconf(_SC_PAGESIZE) / 1024;
}

static void
log_rooms(struct server *srv)
{
	struct registry *reg = &srv->registry;
	struct room **rooms;
	unsigned i, n;

	rooms = calloc(reg->nrooms + 1, sizeof(struct room *));
	if (rooms == NULL)
		return;
	n = registry_rooms(reg, rooms);
	for (i = 0; i < n; i++)
		log_notice("room %s: %u", rooms[i]->name, rooms[i]->nmembers);
	free(rooms);
}

void
server_log_stats(struct server *srv)
{
	const struct server_stats *st = &srv->stats;
	const struct output *out = srv->output;

	log_notice("uptime %llu s, memory %lu KB, clients %u, rooms %u",
	    (unsigned long long)(server_now(srv) - srv->started) / 1000,
	    memory_kb(), srv->registry.nusers, srv->registry.nrooms);
	log_notice("lines in %llu, lines out %llu, bytes in %llu, bytes out "
		   "%llu",
	    (unsigned long long)st->lines_in, (unsigned long long)out->lines,
	    (unsigned long long)st->bytes_in, (unsigned long long)out->bytes);
	log_notice("accepted %llu, refused %llu, slowed %llu, skipped %llu, "
		   "stalled %llu, log lines lost %llu",
	    (unsigned long long)st->accepted, (unsigned long long)st->refused,
	    (unsigned long long)st->slowed, (unsigned long long)out->skipped,
	    (unsigned long long)st->stalled, (unsigned long long)log_lost());
	log_rooms(srv);
}
