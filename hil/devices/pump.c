/* A pump over a cellar, as a device of its own: its level, its controller, MQTT 5 by libmosquitto. No code of
   looptwin.

     pump_device PORT ID [LEVEL]

   Speaks as pump.py does: looptwin/ID/telemetry every 200 ms, looptwin/ID/presence (retained, with a will),
   obeys looptwin/ID/command and answers on looptwin/ID/acknowledgement. While it has no link it keeps its
   cellar dry by itself, between LOW and HIGH. From its environment it takes DEVICE_SECRET, and for TLS
   DEVICE_CA, DEVICE_CERTIFICATE and DEVICE_KEY, files in PEM. */
#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PERIOD 0.2 /* s */
#define RISES 0.5  /* m/s */
#define FALLS 1.5  /* m/s at 50 % */
#define LOW 0.3    /* m: where it stops by itself */
#define HIGH 3.0   /* m: where it starts by itself */
#define SEEN 64    /* orders that are remembered, so that one which comes twice acts once */
#define WORD 64

struct pump {
  char id[256];
  double level, speed; /* m, % */
  bool running, linked;
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

/* A text member; false where it is missing, or too long to be one that is known. */
static bool text_member(const char* json, const char* key, char out[WORD]) {
  const char* at = member(json, key);
  if (at == NULL || *at != '"') return false;
  const size_t length = strcspn(at + 1, "\"\\");
  if (at[1 + length] != '"' || length >= WORD) return false;
  memcpy(out, at + 1, length);
  out[length] = '\0';
  return true;
}

static bool number_member(const char* json, const char* key, double* out) {
  const char* at = member(json, key);
  char* end = NULL;
  if (at == NULL) return false;
  *out = strtod(at, &end);
  return end != at;
}

static const char* obey(struct pump* pump, const char* order) {
  char word[WORD];
  double expires = 0, value = 0;
  if (number_member(order, "expires", &expires) && expires > 0 && expires < now(CLOCK_REALTIME))
    return "expired";
  if (text_member(order, "set", word) && strcmp(word, "speed") == 0) {
    if (!number_member(order, "value", &value) || !(value >= 0 && value <= 100)) return "out_of_range";
    pump->speed = value;
    return "accepted";
  }
  if (text_member(order, "command", word) && (strcmp(word, "start") == 0 || strcmp(word, "stop") == 0)) {
    pump->running = strcmp(word, "start") == 0;
    return "accepted";
  }
  return "unknown_command";
}

static void say(struct mosquitto* mqtt, const struct pump* pump, const char* what, const char* payload,
                bool retain) {
  char topic[512];
  snprintf(topic, sizeof topic, "looptwin/%s/%s", pump->id, what);
  mosquitto_publish(mqtt, NULL, topic, (int)strlen(payload), payload, 1, retain);
}

static void on_connect(struct mosquitto* mqtt, void* user, int refused) {
  struct pump* pump = user;
  char topic[512];
  if (refused != 0) return;
  pump->linked = true;
  snprintf(topic, sizeof topic, "looptwin/%s/command", pump->id);
  mosquitto_subscribe(mqtt, NULL, topic, 1);
  say(mqtt, pump, "presence", "online", true);
}

static void on_disconnect(struct mosquitto* mqtt, void* user, int why) {
  (void)mqtt;
  (void)why;
  ((struct pump*)user)->linked = false;
}

static void on_message(struct mosquitto* mqtt, void* user, const struct mosquitto_message* message) {
  struct pump* pump = user;
  char order[1024], id[WORD], answer[256];
  const char* outcome = NULL;
  if (message->payloadlen <= 0 || (size_t)message->payloadlen >= sizeof order) return;
  memcpy(order, message->payload, (size_t)message->payloadlen);
  order[message->payloadlen] = '\0';
  if (!text_member(order, "id", id)) return;
  for (size_t i = 0; i < SEEN && outcome == NULL; ++i)
    if (strcmp(pump->seen[i].id, id) == 0) outcome = pump->seen[i].outcome;
  if (outcome == NULL) {
    const size_t place = pump->orders++ % SEEN;
    outcome = obey(pump, order);
    strcpy(pump->seen[place].id, id);
    strcpy(pump->seen[place].outcome, outcome);
  }
  snprintf(answer, sizeof answer, "{\"id\": \"%s\", \"outcome\": \"%s\", \"t\": %.3f}", id, outcome,
           now(CLOCK_REALTIME));
  say(mqtt, pump, "acknowledgement", answer, false);
}

/* The measure-and-control loop: it goes on whether anybody listens or not. */
static void control(struct pump* pump) {
  if (!pump->linked && pump->level > HIGH) pump->running = true;
  if (!pump->linked && pump->level < LOW) pump->running = false;
  pump->level += PERIOD * (RISES - (pump->running ? FALLS * pump->speed / 50 : 0));
  if (pump->level < 0) pump->level = 0;
}

static bool secure(struct mosquitto* mqtt, const struct pump* pump) {
  const char *secret = getenv("DEVICE_SECRET"), *authorities = getenv("DEVICE_CA");
  if (secret != NULL && mosquitto_username_pw_set(mqtt, pump->id, secret) != MOSQ_ERR_SUCCESS) return false;
  return authorities == NULL || mosquitto_tls_set(mqtt, authorities, NULL, getenv("DEVICE_CERTIFICATE"),
                                                  getenv("DEVICE_KEY"), NULL) == MOSQ_ERR_SUCCESS;
}

/* Serves the link until the next period begins; comes back to a broker that has gone. */
static void serve(struct mosquitto* mqtt, struct pump* pump, double until, double* retry) {
  for (double left = until - now(CLOCK_MONOTONIC); left > 0; left = until - now(CLOCK_MONOTONIC)) {
    if (mosquitto_loop(mqtt, (int)(1000 * left) + 1, 1) == MOSQ_ERR_SUCCESS) continue;
    pump->linked = false;
    if (now(CLOCK_MONOTONIC) >= *retry) {
      *retry = now(CLOCK_MONOTONIC) + 1;
      mosquitto_reconnect(mqtt);
    }
    const struct timespec nap = {0, 20 * 1000 * 1000};
    nanosleep(&nap, NULL);
  }
}

int main(int count, char** arguments) {
  static struct pump pump = {.speed = 50};
  char topic[512];
  if (count < 3) {
    fprintf(stderr, "usage: pump_device PORT ID [LEVEL]\n");
    return 2;
  }
  snprintf(pump.id, sizeof pump.id, "%s", arguments[2]);
  pump.level = count > 3 ? atof(arguments[3]) : 1.8;
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);
  mosquitto_lib_init();
  struct mosquitto* mqtt = mosquitto_new(pump.id, true, &pump);
  if (mqtt == NULL || !secure(mqtt, &pump)) {
    fprintf(stderr, "pump_device: %s\n", strerror(errno));
    return 1;
  }
  mosquitto_int_option(mqtt, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
  mosquitto_int_option(mqtt, MOSQ_OPT_TCP_NODELAY, 1);
  snprintf(topic, sizeof topic, "looptwin/%s/presence", pump.id);
  mosquitto_will_set(mqtt, topic, 7, "offline", 1, true);
  mosquitto_connect_callback_set(mqtt, on_connect);
  mosquitto_disconnect_callback_set(mqtt, on_disconnect);
  mosquitto_message_callback_set(mqtt, on_message);
  mosquitto_connect(mqtt, getenv("DEVICE_HOST") != NULL ? getenv("DEVICE_HOST") : "127.0.0.1",
                    atoi(arguments[1]), 5);

  double due = now(CLOCK_MONOTONIC), retry = due + 1;
  for (unsigned long n = 1; !stopped; ++n) {
    char report[256];
    control(&pump);
    snprintf(report, sizeof report, "{\"level\": %.3f, \"running\": %s, \"n\": %lu, \"t\": %.3f}", pump.level,
             pump.running ? "true" : "false", n, now(CLOCK_REALTIME));
    if (pump.linked) say(mqtt, &pump, "telemetry", report, false);
    due += PERIOD;
    if (due < now(CLOCK_MONOTONIC)) due = now(CLOCK_MONOTONIC); /* it was held up: nothing is made up for */
    serve(mqtt, &pump, due, &retry);
  }
  say(mqtt, &pump, "presence", "offline", true);
  mosquitto_loop(mqtt, 100, 1);
  mosquitto_disconnect(mqtt);
  mosquitto_destroy(mqtt);
  mosquitto_lib_cleanup();
  return 0;
}
