#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banterd/chat/room.h"
#include "banterd/daemon/keep.h"
#include "banterd/daemon/server.h"
#include "banterd/daemon/stats.h"
#include "banterd/daemon/store.h"

#define STATS_AT_ONCE    200 /* people, in one turn */
#define STATS_ROOMS_SIZE 800 /* bytes of the names of one's rooms */

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
	n = rooms_list(reg, rooms);
	for (i = 0; i < n; i++)
		log_notice("room %s: %u", rooms[i]->name, rooms[i]->nmembers);
	free(rooms);
}

static void
log_kept(const struct keep *k)
{
	log_notice(
	    "kept connections in %u messages, %u of them over, %u not kept; state %zu KB; %u faults in a row",
	    vault_messages(k->vault), vault_dead(k->vault),
	    vault_waiting(k->vault), database_used(k->db) / 1024,
	    k->life->faults);
}

/* ---- people ---- */

static void
log_person(struct server *srv, struct user *u)
{
	char rooms[STATS_ROOMS_SIZE], idle[TEXT_DURATION_SIZE];
	char text[CLIENT_TEXT_SIZE];

	room_list_of(u, NULL, rooms, sizeof(rooms));
	text_duration(server_now(srv) - u->last_line, idle);
	log_notice("person %s: %s; idle %s",
	    client_text(client_of_user(u), text),
	    rooms[0] != '\0' ? rooms : "in no room", idle);
}

void
stats_go_on(struct server *srv)
{
	struct registry *reg = &srv->registry;
	unsigned n = 0;

	for (; srv->people_to_log > 0 && n < STATS_AT_ONCE;
	     srv->people_to_log--) {
		if (srv->people_to_log > reg->nslots ||
		    reg->slots[srv->people_to_log - 1] == NULL)
			continue;
		log_person(srv, reg->slots[srv->people_to_log - 1]);
		n++;
	}
	if (srv->people_to_log > 0)
		server_wake_at(srv, server_now(srv));
}

void
stats_log(struct server *srv)
{
	const struct session_context *session = &srv->session;
	const struct fanout *out = srv->fanout;

	log_notice("uptime %llu s, memory %lu KB, clients %u, rooms %u",
	    (unsigned long long)(server_now(srv) - srv->started) / 1000,
	    memory_kb(), srv->registry.nusers, srv->registry.nrooms);
	log_notice(
	    "lines in %llu, lines out %llu, bytes in %llu, bytes out %llu",
	    (unsigned long long)session->lines_in,
	    (unsigned long long)out->lines,
	    (unsigned long long)srv->conns.bytes_in,
	    (unsigned long long)srv->conns.bytes_out);
	log_notice(
	    "accepted %llu, refused %llu, slowed %llu, skipped %llu, stalled %llu, log lines lost %llu",
	    (unsigned long long)srv->accepted, (unsigned long long)srv->refused,
	    (unsigned long long)session->slowed,
	    (unsigned long long)out->skipped,
	    (unsigned long long)session->stalled,
	    (unsigned long long)log_lost());
	if (srv->keep != NULL)
		log_kept(srv->keep);
	store_log(srv->store);
	log_rooms(srv);
	srv->people_to_log = srv->registry.nslots;
	stats_go_on(srv);
}
