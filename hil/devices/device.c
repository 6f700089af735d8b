#include "device.h"

#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SEEN 64 /* orders that are remembered, so that one which comes twice acts once */

struct session {
  const struct device* device;
  char id[256];
  bool linked;
  struct {
    char id[WORD], outcome[WORD];
  } seen[SEEN];
  unsigned long orders;
};

static volatile sig_atomic_t stopped;
static void on_signal(int signal_number) { stopped = signal_number; }

static double now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Where a member's value begins in a flat JSON object; null where there is none. */
static const char* member(const char* json, const char* key) {
  char quoted[WORD];
  snprintf(quoted, sizeof quoted, "\"%s\"", key);
  for (const char* at = strstr(json, quoted); at != NULL; at = strstr(at + 1, quoted)) {
    const char* after = at + strlen(quoted);
    after += strspn(after, " ");
    if (*after == ':') return after + 1 + strspn(after + 1, " ");
  }
  return NULL;
}

bool text_member(const char* json, const char* key, char out[WORD]) {
  const char* at = member(json, key);
  if (at == NULL || *at != '"') return false;
  const size_t length = strcspn(at + 1, "\"\\");
  if (at[1 + length] != '"' || length >= WORD) return false;
  memcpy(out, at + 1, length);
  out[length] = '\0';
  return true;
}

bool number_member(const char* json, const char* key, double* out) {
  const char* at = member(json, key);
  char* end = NULL;
  if (at == NULL) return false;
  *out = strtod(at, &end);
  return end != at;
}

static const char* obey(const struct session* session, const char* order) {
  double expires = 0;
  if (number_member(order, "expires", &expires) && expires > 0 && expires < now(CLOCK_REALTIME))
    return "expired";
  return session->device->obey(session->device->state, order);
}

static void say(struct mosquitto* mqtt, const struct session* session, const char* what, const char* payload,
                bool retain) {
  char topic[512];
  snprintf(topic, sizeof topic, "looptwin/%s/%s", session->id, what);
  mosquitto_publish(mqtt, NULL, topic, (int)strlen(payload), payload, 1, retain);
}

static void on_connect(struct mosquitto* mqtt, void* user, int refused) {
  struct session* session = user;
  char topic[512];
  if (refused != 0) return;
  session->linked = true;
  snprintf(topic, sizeof topic, "looptwin/%s/command", session->id);
  mosquitto_subscribe(mqtt, NULL, topic, 1);
  say(mqtt, session, "presence", "online", true);
}

static void on_disconnect(struct mosquitto* mqtt, void* user, int why) {
  (void)mqtt;
  (void)why;
  ((struct session*)user)->linked = false;
}

static void on_message(struct mosquitto* mqtt, void* user, const struct mosquitto_message* message) {
  struct session* session = user;
  char order[1024], id[WORD], answer[256];
  const char* outcome = NULL;
  if (message->payloadlen <= 0 || (size_t)message->payloadlen >= sizeof order) return;
  memcpy(order, message->payload, (size_t)message->payloadlen);
  order[message->payloadlen] = '\0';
  if (!text_member(order, "id", id)) return;
  for (size_t i = 0; i < SEEN && outcome == NULL; ++i)
    if (strcmp(session->seen[i].id, id) == 0) outcome = session->seen[i].outcome;
  if (outcome == NULL) {
    const size_t place = session->orders++ % SEEN;
    outcome = obey(session, order);
    strcpy(session->seen[place].id, id);
    strcpy(session->seen[place].outcome, outcome);
  }
  snprintf(answer, sizeof answer, "{\"id\": \"%s\", \"outcome\": \"%s\", \"t\": %.3f}", id, outcome,
           now(CLOCK_REALTIME));
  say(mqtt, session, "acknowledgement", answer, false);
}

static bool secure(struct mosquitto* mqtt, const struct session* session) {
  const char *secret = getenv("DEVICE_SECRET"), *authorities = getenv("DEVICE_CA");
  if (secret != NULL && mosquitto_username_pw_set(mqtt, session->id, secret) != MOSQ_ERR_SUCCESS)
    return false;
  return authorities == NULL || mosquitto_tls_set(mqtt, authorities, NULL, getenv("DEVICE_CERTIFICATE"),
                                                  getenv("DEVICE_KEY"), NULL) == MOSQ_ERR_SUCCESS;
}

/* Serves the link until the next period begins; comes back to a broker that has gone. */
static void serve(struct mosquitto* mqtt, struct session* session, double until, double* retry) {
  for (double left = until - now(CLOCK_MONOTONIC); left > 0; left = until - now(CLOCK_MONOTONIC)) {
    if (mosquitto_loop(mqtt, (int)(1000 * left) + 1, 1) == MOSQ_ERR_SUCCESS) continue;
    session->linked = false;
    if (now(CLOCK_MONOTONIC) >= *retry) {
      *retry = now(CLOCK_MONOTONIC) + 1;
      mosquitto_reconnect(mqtt);
    }
    const struct timespec nap = {0, 20 * 1000 * 1000};
    nanosleep(&nap, NULL);
  }
}

int run_device(const struct device* device, int count, char** arguments) {
  static struct session session;
  char topic[512];
  if (count < 3) {
    fprintf(stderr, "usage: %s PORT ID\n", arguments[0]);
    return 2;
  }
  session.device = device;
  snprintf(session.id, sizeof session.id, "%s", arguments[2]);
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);
  mosquitto_lib_init();
  struct mosquitto* mqtt = mosquitto_new(session.id, true, &session);
  if (mqtt == NULL || !secure(mqtt, &session)) {
    fprintf(stderr, "%s: %s\n", arguments[0], strerror(errno));
    return 1;
  }
  mosquitto_int_option(mqtt, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
  mosquitto_int_option(mqtt, MOSQ_OPT_TCP_NODELAY, 1);
  snprintf(topic, sizeof topic, "looptwin/%s/presence", session.id);
  mosquitto_will_set(mqtt, topic, 7, "offline", 1, true);
  mosquitto_connect_callback_set(mqtt, on_connect);
  mosquitto_disconnect_callback_set(mqtt, on_disconnect);
  mosquitto_message_callback_set(mqtt, on_message);
  mosquitto_connect(mqtt, getenv("DEVICE_HOST") != NULL ? getenv("DEVICE_HOST") : "127.0.0.1",
                    atoi(arguments[1]), 5);

  double due = now(CLOCK_MONOTONIC), retry = due + 1;
  for (unsigned long n = 1; !stopped; ++n) {
    char members[256], report[512];
    device->step(device->state, session.linked);
    device->report(device->state, members, sizeof members);
    snprintf(report, sizeof report, "{%s, \"n\": %lu, \"t\": %.3f}", members, n, now(CLOCK_REALTIME));
    if (session.linked) say(mqtt, &session, "telemetry", report, false);
    due += device->period;
    if (due < now(CLOCK_MONOTONIC)) due = now(CLOCK_MONOTONIC); /* it was held up: nothing is made up for */
    serve(mqtt, &session, due, &retry);
  }
  say(mqtt, &session, "presence", "offline", true);
  mosquitto_loop(mqtt, 100, 1);
  mosquitto_disconnect(mqtt);
  mosquitto_destroy(mqtt);
  mosquitto_lib_cleanup();
  return 0;
}
