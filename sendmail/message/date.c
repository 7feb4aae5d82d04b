/*
 * The civil calendar by arithmetic. Years start in March here, so that the leap
 * day is the last of its year and months follow one formula.
 */
#include "message/date.h"

#include <stdlib.h>

#include "base/buffer.h"

enum { DAY = 86400, DAYS_IN_ERA = 146097 /* 400 years */, EPOCH = 719468 /* days from 1 March 0 to 1970 */ };

struct civil {
	long long year;
	int month; /* 1 to 12 */
	int day;
};

static const char weekdays[][4] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };
static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

static int64_t
floor_divide(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static struct civil
civil_from_days(int64_t days)
{
	int64_t era = floor_divide(days + EPOCH, DAYS_IN_ERA);
	int of_era = (int)(days + EPOCH - era * DAYS_IN_ERA);
	int year = (of_era - of_era / 1460 + of_era / 36524 - of_era / (DAYS_IN_ERA - 1)) / 365;
	int of_year = of_era - (365 * year + year / 4 - year / 100);
	int month = (5 * of_year + 2) / 153; /* 0 is March */

	return (struct civil){
		.year = era * 400 + year + (month >= 10),
		.month = month < 10 ? month + 3 : month - 9,
		.day = of_year - (153 * month + 2) / 5 + 1,
	};
}

void
date_add(struct buffer *out, int64_t seconds_since_1970, int minutes_east)
{
	int64_t local = seconds_since_1970 + 60 * (int64_t)minutes_east;
	int64_t days = floor_divide(local, DAY);
	int second = (int)(local - days * DAY), zone = abs(minutes_east);
	struct civil date = civil_from_days(days);

	buffer_format(out, "%s, %d %s %04lld %02d:%02d:%02d %c%02d%02d", weekdays[days - floor_divide(days, 7) * 7],
	    date.day, months[date.month - 1], date.year, second / 3600, second / 60 % 60, second % 60,
	    minutes_east < 0 ? '-' : '+', zone / 60, zone % 60);
}
