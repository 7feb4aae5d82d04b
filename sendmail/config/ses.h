/*
 * Amazon SES: its SMTP password is made from the secret key of an IAM access
 * key, anew for every region.
 */
#ifndef CONFIG_SES_H
#define CONFIG_SES_H

/* The SMTP password for this region. Owned by the caller (free_secret). */
char *ses_password(const char *secret_key, const char *region);

#endif
