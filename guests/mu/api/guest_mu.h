#pragma once
/* The guest whose language is the Mu IR itself. */
#include "guest.h"

/* Static storage. */
const guest_class *guest_mu_class(void);
