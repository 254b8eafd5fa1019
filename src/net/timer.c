#include <sys/time.h>

#include <stdint.h>
#include <time.h>

#include <event2/event-config.h>
#include <event2/event.h>

#include "banterd/net/timer.h"

/*
 * On 32-bit machines a time may have 32 bits or 64: here it has 64, for 2038
 * comes.  The library may have been built with the other kind, and would take
 * the upper half of our seconds for its microseconds.
 */
#if defined(EVENT__SIZEOF_TIME_T) && EVENT__SIZEOF_TIME_T == 4
typedef int32_t seconds_t;
typedef int32_t microseconds_t;
#else
typedef time_t seconds_t;
typedef suseconds_t microseconds_t;
#endif

int
timer_add(struct event *ev, uint64_t ms)
{
	union {
		struct timeval ours;
		struct {
			seconds_t seconds;
			microseconds_t microseconds;
		} theirs;
	} tv = { 0 };

	tv.theirs.seconds = (seconds_t)(ms / 1000);
	tv.theirs.microseconds = (microseconds_t)(ms % 1000 * 1000);
	return event_add(ev, &tv.ours);
}
