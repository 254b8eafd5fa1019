#include <arpa/inet.h>

#include <check.h>

#include "address.h"

struct address
address_of(const char *text)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct address a;

	if (inet_pton(AF_INET, text, &sin.sin_addr) == 1)
		ck_assert(address_from_socket(&a, (struct sockaddr *)&sin));
	else {
		ck_assert_int_eq(inet_pton(AF_INET6, text, &sin6.sin6_addr), 1);
		ck_assert(address_from_socket(&a, (struct sockaddr *)&sin6));
	}
	return a;
}
