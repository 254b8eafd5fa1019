/*
 * A fixture: people and rooms without a server, and a function that records
 * what each person is told, as the plain dialect says it.
 */
#ifndef TESTS_PEOPLE_H
#define TESTS_PEOPLE_H

#include "banterd/chat/listed.h"
#include "banterd/chat/member.h"
#include "banterd/config/config.h"

#define PEOPLE_MAX 72

/* A person whose ears are a buffer. */
struct person {
	struct user user;
	char heard[65536]; /* each line with an LF */
	size_t len;
	unsigned bells;
	enum event_kind kind; /* of the last one, */
	bool many;            /* and whether it is for many */
	bool full;            /* takes no private line */
};

struct people {
	struct registry reg;
	struct config conf; /* its limits: the defaults */
	struct config_room rooms[4];
	struct person list[PEOPLE_MAX];
};

extern struct people people;

/* A fixture: an empty registry with a default room #lobby. */
void people_setup(void);
void people_teardown(void);

/* Lists a room in the configuration, which people_configure() then applies. */
void people_list_room(const char *name, const char *topic, const char *key);
void people_configure(void);

/* A newcomer; known by that name if it is not NULL. */
struct person *people_enter(const char *name);

/* Joins a room, which has to work; what is heard of it is forgotten. */
struct room *people_join(struct person *p, const char *room);

/* The same for all who are here, in the order in which they came. */
struct room *people_all(const char *room);

/* Says a line in a room, which has to work. */
void people_say(struct person *p, struct room *room, const char *text);

/* Fails unless p has heard just these lines since the last time. */
void people_heard(struct person *p, const char *lines);

/* Forgets what has been heard. */
void people_forget(void);

/* Fails unless room_names() of the room says that. */
void people_names(const struct room *room, const char *names);

/* Fails unless members and rooms know of each other, and counts are right. */
void people_check(void);

#endif
