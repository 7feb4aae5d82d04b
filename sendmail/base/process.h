/*
 * What this process inherited and must not depend on: descriptors, signals,
 * umask, privilege. Hostile or careless callers leave any of them odd.
 */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <stdbool.h>

/*
 * To be called first in main: descriptors 0 to 2 are open (on /dev/null where
 * the caller closed them), all others closed; SIGPIPE and SIGXFSZ ignored,
 * SIGCHLD default, no signal blocked, no alarm pending; umask 077, no core.
 * 0, or -1 with errno when a missing descriptor could not be replaced.
 */
int process_start(void);
/* Calls the handler for the signals that ask a process to stop, unless the caller had them ignored. */
void process_on_stop(void (*handler)(int));
/*
 * For the child that goes on in the background: a session of its own, and
 * nobody's pipes or terminal on 0 to 2. 0, or -1 with errno.
 */
int process_detach(void);
/* Closes all descriptors but 0 to 2. */
void process_close_others(void);
/* True when exec gave this process rights its caller does not have (setuid, setgid, capabilities). */
bool process_is_privileged(void);

#endif
