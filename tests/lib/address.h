/*
 * Addresses of hosts out of text.
 */
#ifndef TESTS_ADDRESS_H
#define TESTS_ADDRESS_H

#include "banterd/base/network.h"

/* An IPv4 or IPv6 address as it comes from a socket of its family; the test
 * fails if the text is none. */
struct address address_of(const char *text);

#endif
