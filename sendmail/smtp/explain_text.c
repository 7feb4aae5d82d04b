/*
 * What anybody says, known by its words. The words are taken where they leave
 * no doubt: an enhanced code is often the nearest one a programmer found.
 */
#include "smtp/explain.h"

enum { HOUR = 3600 };

/* Meaning and cure of what is asked for early and again late: in between stand the words of the account. */
#define OTHER_WAY "send again later, or reach the recipient in another way"
#define MAILBOX_FULL "the mailbox is full", OTHER_WAY
#define TOO_LARGE "the message is larger than the server takes", "send a smaller message, or a link"
#define SPAM                                                                                                           \
	"the server takes the message for spam",                                                                       \
	    "check SPF, DKIM and DMARC of the sender's domain, then the message's links and words"

/* provider, steps, code, enhanced, text, class, action, pause, meaning, cure */
const struct refusal refusals_by_text[] = {
	/* The login: a refusal of it is not always a wrong password. */
	{ NULL, AT_AUTH, 0, NULL, "too many connections|too many concurrent|connection limit|connections exceeded",
	    REFUSAL_ACCOUNT, ACTION_PAUSE, 0,
	    "the account has too many connections at a time, and the login may be right",
	    "lower connections in [smarthost]" },
	{ NULL, 0, 0, NULL, "too many login|too many failed login|too many auth|too many invalid login|login attempts",
	    REFUSAL_LOGIN, ACTION_PAUSE, HOUR, "too many logins were refused before",
	    "check user and password_file, then wait an hour" },
	{ NULL, AT_AUTH, 0, NULL, "too many messages*try again", REFUSAL_ACCOUNT, ACTION_PAUSE, 0,
	    "mail went faster than the account may send, and the login may be right", "wait, and send fewer messages" },
	{ NULL, AT_AUTH, 0, NULL, "app password|app-specific password|application*password|2-step|two-factor",
	    REFUSAL_LOGIN, ACTION_PAUSE, 0, "the provider wants an app password",
	    "create one in the account's security settings and put it into password_file" },
	{ NULL, AT_AUTH, 0, NULL,
	    "basic authentication is disabled|basic authentication is not|basic auth is disabled|password*not "
	    "supported",
	    REFUSAL_LOGIN, ACTION_PAUSE, 0, "the provider takes no password any more",
	    "set token_command or token_file for OAuth" },
	{ NULL, AT_AUTH, 0, NULL,
	    "token*expired|expired*token|invalid_token|invalid token|\"status\":\"401\"|invalid_grant", REFUSAL_LOGIN,
	    ACTION_PAUSE, 0, "the OAuth token is expired, revoked or for another user",
	    "have token_command print a fresh token, or log in again with the tool that makes it" },
	{ NULL, AT_AUTH, 0, NULL, "password*expired|expired*password|must change", REFUSAL_LOGIN, ACTION_PAUSE, 0,
	    "the password has expired", "set a new one at the provider and put it into password_file" },
	{ NULL, AT_AUTH, 0, NULL, "ip*not authori|ip*not allowed|ip*not whitelisted|unauthorized ip|unauthorised ip",
	    REFUSAL_LOGIN, ACTION_PAUSE, 0, "the account takes no mail from the IP address of this machine",
	    "authorise the address on the provider's security page" },
	{ NULL, AT_AUTH, 0, NULL, "locked|disabled|suspended|blocked|deactivated", REFUSAL_LOGIN, ACTION_PAUSE, 0,
	    "the account or this key is disabled or suspended", "see the provider's panel, or ask the provider" },
	{ NULL, AT_AUTH, 535, NULL,
	    "password incorrect|incorrect password|incorrect auth|wrong password|invalid password", REFUSAL_LOGIN,
	    ACTION_PAUSE, 0, "user or password is wrong", "check user and password or password_file" },
	{ NULL, AT_AUTH, 0, NULL,
	    "temporar|try again|try later|throttl|rate limit|timeout|timed out|service unavailable", REFUSAL_LOGIN,
	    ACTION_PAUSE, 0, "the server cannot check the login for the moment, and it may be right",
	    "see the provider's status page if it lasts" },

	/* The account, whatever the reason is. */
	{ NULL, 0, 5, NULL,
	    "your account*suspended|your account*disabled|your account*blocked|account*suspended*sending|"
	    "sending suspended|sending is suspended|sending disabled|sending is disabled|account*under review",
	    REFUSAL_ACCOUNT, ACTION_PAUSE, 0, "the provider has suspended the account",
	    "see the provider's panel, or ask the provider" },

	/* The sender's domain. */

	/* What is said of one message or one recipient, though it sounds like the account. */
	{ NULL, AT_END, 5, NULL, "as spam|be spam|of spam|spam content|spam message|likely unsolicited", REFUSAL_POLICY,
	    ACTION_BY_CODE, 0, SPAM },
	{ NULL, AT_MAIL | AT_CONTENT, 552, NULL, "message size|message*too large|message*too big", REFUSAL_SIZE,
	    ACTION_BY_CODE, 0, TOO_LARGE },
	{ NULL, AT_RCPT | AT_END, 0, NULL, "recipient has exceeded|recipient exceeded|recipient is over", REFUSAL_FULL,
	    ACTION_BY_CODE, 0, MAILBOX_FULL },
	{ NULL, AT_RCPT | AT_END, 0, NULL,
	    "receiving*limit|receiving mail*rate|receiving mail*quickly|receive limit|limit*this recipient|"
	    "limit*this mailbox|limit*this user",
	    REFUSAL_FULL, ACTION_RETRY, 0, "the recipient gets more mail than his provider lets in for now",
	    OTHER_WAY },

	/* The account's limits: all of its mail waits. */
	{ NULL, 0, 0, NULL,
	    "out of credits|enough credits|insufficient credit|credits exceeded|exhausted*credits|credit*exhausted",
	    REFUSAL_ACCOUNT, ACTION_PAUSE, HOUR, "the plan's messages are used up",
	    "wait for the next period, or upgrade the plan" },
	{ NULL, 0, 0, NULL,
	    "daily*limit|limit*per day|daily*quota|messages per day|monthly*limit|monthly*quota|messages per month",
	    REFUSAL_ACCOUNT, ACTION_PAUSE, HOUR, "the account's limit of the day or month is used up",
	    "wait for the next one, or ask the provider for more" },
	{ NULL, 0, 0, NULL,
	    "hourly*limit|hourly*quota|messages per hour|sending*limit|sending*quota|sending rate| rate limit|"
	    "relay limit|submission*quota|throttling|ratelimit",
	    REFUSAL_ACCOUNT, ACTION_PAUSE, 0, "the account sends more, or faster, than it may",
	    "wait, lower connections in [smarthost], or ask the provider for more" },
	{ NULL, AT_OPENING | AT_MAIL, 0, NULL,
	    "too many connections|too many concurrent|connection limit|connection rate", REFUSAL_ACCOUNT, ACTION_PAUSE,
	    0, "there are too many connections at a time", "lower connections in [smarthost]" },
	{ NULL, AT_MESSAGE, 0, NULL, "dmarc", REFUSAL_POLICY, ACTION_BY_CODE, 0,
	    "the DMARC policy of the sender's domain forbids mail like this",
	    "publish the provider's SPF and DKIM records, or set from in [smarthost] to a domain that has them" },
	{ NULL, AT_MESSAGE, 0, NULL,
	    "spf:|sender policy framework|spf*required|dkim*required|authentication*spf|"
	    "spf*fail|fail*spf|spf*permitted|spf*not pass|spf*reject|spf*record|dkim*fail|fail*dkim|dkim*invalid",
	    REFUSAL_POLICY, ACTION_BY_CODE, 0, "SPF or DKIM of the sender's domain do not cover this smarthost",
	    "publish the provider's SPF and DKIM records for the sender's domain" },
	{ NULL, AT_MESSAGE, 0, NULL,
	    "unauthenticated email|sender is unauthenticated|pass authentication|authentication information",
	    REFUSAL_POLICY, ACTION_BY_CODE, 0,
	    "the mail is not authenticated for the sender's domain (SPF, DKIM, DMARC)",
	    "set that domain's DNS records as the provider says" },

	{ NULL, AT_MESSAGE, 0, NULL,
	    "sender*not verified|domain*not verified|from*not verified|not a verified sender|unverified sender|"
	    "unverified domain|verify your domain|verify your sender|sender*not authorized|domain*not authorized",
	    REFUSAL_SENDER, ACTION_RETRY, 0, "the sender is not verified at the provider",
	    "verify the sender's domain there, or set from in [smarthost] to one that is" },

	/* The login again, when it is missed later. */
	{ NULL, AT_OPENING | AT_AUTH | AT_MAIL | AT_RCPT | AT_DATA, 0, NULL,
	    "authentication required|authentication is required|authenticate first|must authenticate|"
	    "must be authenticated|client*not authenticated|please log in|login required|unauthenticated senders",
	    REFUSAL_LOGIN, ACTION_PAUSE, 0, "the server sees no login",
	    "set user and password_file in [smarthost], and port = 465 or 587" },
	{ NULL, AT_OPENING | AT_AUTH | AT_MAIL, 5, NULL,
	    "must issue a starttls|starttls first|starttls is required|encryption*required|tls*required", REFUSAL_LOGIN,
	    ACTION_PAUSE, 0, "the server wants an encrypted connection",
	    "set tls = starttls, or tls = implicit with port = 465" },
	{ NULL, AT_MESSAGE, 0, NULL,
	    "not owned by|not logged in as|sender*not allowed*user|not allowed to send as|may not send as|"
	    "send on behalf|does not match*login|not permitted*from address",
	    REFUSAL_SENDER, ACTION_BY_CODE, 0, "this login may not send as this sender",
	    "set from in [smarthost] to the login's address, or have the sender added to the account" },
	{ NULL, AT_MESSAGE, 0, NULL,
	    "relay*denied|relaying denied|relay access|relay*not permitted|relay*not allowed|relay*prohibited|"
	    "unable to relay|relaying disallowed|not relay|relay*refused",
	    REFUSAL_POLICY, ACTION_BY_CODE, 0,
	    "the server passes no mail on for us: it sees no login, or does not know this machine",
	    "set user and password_file in [smarthost], or have the server allow this machine" },

	/* Who is blocked. */
	{ NULL, 0, 5, NULL, "client host rejected: access denied", REFUSAL_LOGIN, ACTION_PAUSE, 0,
	    "the server takes nothing from this machine without a login", "set user and password_file in [smarthost]" },
	{ NULL, 0, 0, NULL, "cannot find your*hostname|cannot find your reverse|no reverse dns", REFUSAL_POLICY,
	    ACTION_PAUSE, 0, "the IP address of this machine has no name in the DNS",
	    "set its reverse DNS, or use a smarthost with login" },
	{ NULL, 0, 0, NULL,
	    "client host*blocked|client host*listed|your ip*blocked|your ip*listed|"
	    "ip address*blocked|ip address*listed|your host*blocked",
	    REFUSAL_POLICY, ACTION_PAUSE, 0, "the server takes no mail from the IP address of this machine",
	    "use a smarthost with login, or have the address taken off the list that the reply names" },
	{ NULL, 0, 0, NULL,
	    "dnsbl|surbl|uribl|rbl.|spamhaus|spamcop|sorbs|barracuda|blacklist|blocklist|block list|listed at|listed "
	    "by|"
	    "listed in|listed on",
	    REFUSAL_POLICY, ACTION_BY_CODE, 0,
	    "a block list names the sending address, the sender's domain or a link in the message",
	    "look it up at the list that the reply names, and check SPF, DKIM and DMARC of the sender's domain" },

	/* The recipient. */
	{ NULL, 0, 4, NULL, "greylist|graylist|grey-list|gray-list|postgrey", REFUSAL_OTHER, ACTION_BY_CODE, 0,
	    "the server wants to be asked again later, as it does with strangers (greylisting): this is normal",
	    "wait; a later try succeeds" },
	{ NULL, AT_RCPT | AT_CONTENT, 0, NULL,
	    "mailbox*full|full mailbox|mailbox*quota|quota*mailbox|over quota|over-quota|overquota|out of storage|"
	    "exceed*storage|mailbox*exceed|quota exceeded",
	    REFUSAL_FULL, ACTION_BY_CODE, 0, MAILBOX_FULL },
	{ NULL, AT_RCPT, 0, NULL, "too many recipients|too much recipients|recipients limit|recipient limit",
	    REFUSAL_OTHER, ACTION_SPLIT, 0, "the server takes no more recipients in one transaction",
	    "set recipients_per_message to spare the refusal" },
	{ NULL, AT_CONTENT, 0, NULL, "too many recipients|recipient count exceeds|recipient limit", REFUSAL_OTHER,
	    ACTION_BY_CODE, 0, "the message has more recipients than the server takes at once",
	    "set recipients_per_message in [smarthost] to what the reply names" },
	{ NULL, AT_MESSAGE, 0, NULL,
	    "sender address rejected|sender rejected|sender verify failed|sender domain|sender address|invalid sender",
	    REFUSAL_SENDER, ACTION_BY_CODE, 0, "the server does not accept the sender's address",
	    "set from in [smarthost] to an address that it accepts" },
	{ NULL, AT_RCPT | AT_CONTENT, 0, NULL, "unverified address|could not verify|callout|callback verif",
	    REFUSAL_MAILBOX, ACTION_BY_CODE, 0, "the server asked for the mailbox and was not told that there is one",
	    "check the address" },
	{ NULL, AT_RCPT | AT_CONTENT, 5, NULL,
	    "domain not found|domain*does not exist|host not found|host unknown|domain*not exist|null mx|nullmx|no mx|"
	    "does not accept mail|accepts no mail|unrouteable|unroutable",
	    REFUSAL_MAILBOX, ACTION_BY_CODE, 0, "the domain does not exist or takes no mail",
	    "check the address behind the @" },
	{ NULL, AT_RCPT | AT_CONTENT, 5, NULL,
	    "user unknown|unknown user|no such user|no such recipient|no such mailbox|no such address|not exist|"
	    "doesn't exist|recipient not found|user not found|mailbox not found|unknown recipient|invalid recipient|"
	    "unknown address|no mailbox|not a valid mailbox|invalid mailbox|nobody here|account*inactive|is disabled",
	    REFUSAL_MAILBOX, ACTION_BY_CODE, 0, "there is no such mailbox", "check the address" },

	/* The message. */
	{ NULL, AT_MAIL | AT_CONTENT, 0, NULL,
	    "too large|too big|too long|size*exceed|exceed*size|size limit|max*message size", REFUSAL_SIZE,
	    ACTION_BY_CODE, 0, TOO_LARGE },
	{ NULL, AT_CONTENT, 0, NULL,
	    "virus|malware|security issue|dangerous|prohibited*attachment|attachment*not allowed", REFUSAL_POLICY,
	    ACTION_BY_CODE, 0, "the server does not take this attachment or takes it for a virus",
	    "send a link instead, or the file in another form" },
	{ NULL, AT_CONTENT, 0, NULL,
	    "spam|unsolicited|bulk mail|junk|content rejected|rejected*content|content*reject|message content",
	    REFUSAL_POLICY, ACTION_BY_CODE, 0, SPAM },

	/* A code for good beside words that say otherwise. */
	{ NULL, AT_MESSAGE, 5, NULL,
	    "try again later|please try later|temporarily|temporary failure|temporary error|temporary problem|try "
	    "again in",
	    REFUSAL_OTHER, ACTION_RETRY, 0, "the code is one for good, but the words promise a later success",
	    "wait; ask the provider if it lasts" },
	{ 0 },
};
