/* What programs that are a device on a rig share: MQTT 5 by libmosquitto, orders that act once, reports at a
   period. No code of looptwin.

   A device speaks as docs/rig.md says: looptwin/ID/telemetry, looptwin/ID/presence (retained, with a will),
   obeys looptwin/ID/command and answers on looptwin/ID/acknowledgement. From its environment it takes
   DEVICE_HOST, DEVICE_SECRET, and for TLS DEVICE_CA, DEVICE_CERTIFICATE and DEVICE_KEY, files in PEM. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define WORD 64 /* the longest word of an order, its end included */

struct device {
  double period; /* s */
  void* state;   /* the program's own */
  /* A text member of an order is found by text_member(), a number by number_member(). The outcome:
     "accepted", "out_of_range", "unknown_command". */
  const char* (*obey)(void* state, const char* order);
  /* One step of `period`, whether anybody listens or not. */
  void (*step)(void* state, bool linked);
  /* The members of a report: "\"level\": 1.25". */
  void (*report)(const void* state, char* out, size_t size);
};

/* Of a flat JSON object; false where it is missing, or too long to be one that is known. */
bool text_member(const char* json, const char* key, char out[WORD]);
bool number_member(const char* json, const char* key, double* out);

/* The whole program, until it is told to end: arguments are PORT ID. Its exit code. */
int run_device(const struct device* device, int count, char** arguments);
