/*
 * Guesses the domain that a mistyped one was meant to be. For texts to people
 * only: nothing is ever sent to a guess.
 */
#ifndef SMTP_TYPO_H
#define SMTP_TYPO_H

/*
 * The large mail domain that differs from the domain of the address (what is
 * behind the last '@', or all of it) by one letter too many, too few, wrong or
 * swapped with its neighbour; NULL when there is none. Constant.
 */
const char *typo_meant(const char *address);

#endif
