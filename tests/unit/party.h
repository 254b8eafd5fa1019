/*
 * People and rooms for tests of the registry, without a server: a function
 * that records what each person is sent.
 */
#ifndef TESTS_PARTY_H
#define TESTS_PARTY_H

#include "banterd/chat/room.h"

#define PARTY_SIZE 64

/* A person whose ears are a buffer. */
struct person {
	struct user user;
	char heard[65536]; /* each line with an LF */
	size_t len;
	unsigned bells;
	enum line_kind kind; /* of the last line */
	bool full;           /* takes no private line */
};

struct party {
	struct registry reg;
	struct config conf; /* its limits: the defaults */
	struct config_room rooms[4];
	struct person people[PARTY_SIZE];
};

extern struct party party;

/* A fixture: an empty registry with a default room #lobby. */
void party_setup(void);
void party_teardown(void);

/* Lists a room in the configuration, which party_configure() then applies. */
void party_list_room(const char *name, const char *topic, const char *key);
void party_configure(void);

/* A newcomer; known by that name if it is not NULL. */
struct person *party_enter(const char *name);

/* Joins a room, which has to work; what is heard of it is forgotten. */
struct room *party_join(struct person *p, const char *room);

/* The same for all who are here, in the order in which they came. */
struct room *party_all(const char *room);

/* Fails unless p has heard just these lines since the last time. */
void party_heard(struct person *p, const char *lines);

/* Forgets what has been heard. */
void party_forget(void);

/* Fails unless room_names() of the room says that. */
void party_names(const struct room *room, const char *names);

/* Fails unless members and rooms know of each other, and counts are right. */
void party_check(void);

#endif
