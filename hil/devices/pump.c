/* A pump over a cellar, as a device of its own: its level, its controller, and what device.c makes of it.
   While it has no link it keeps its cellar dry by itself, between LOW and HIGH. Speaks as pump.py does, every
   200 ms.

     pump_device PORT ID [LEVEL] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"

#define PERIOD 0.2 /* s */
#define RISES 0.5  /* m/s */
#define FALLS 1.5  /* m/s at 50 % */
#define LOW 0.3    /* m: where it stops by itself */
#define HIGH 3.0   /* m: where it starts by itself */

struct pump {
  double level, speed; /* m, % */
  bool running;
};

static const char* obey(void* state, const char* order) {
  struct pump* pump = state;
  char word[WORD];
  double value = 0;
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

static void step(void* state, bool linked) {
  struct pump* pump = state;
  if (!linked && pump->level > HIGH) pump->running = true;
  if (!linked && pump->level < LOW) pump->running = false;
  pump->level += PERIOD * (RISES - (pump->running ? FALLS * pump->speed / 50 : 0));
  if (pump->level < 0) pump->level = 0;
}

static void report(const void* state, char* out, size_t size) {
  const struct pump* pump = state;
  snprintf(out, size, "\"level\": %.3f, \"running\": %s", pump->level, pump->running ? "true" : "false");
}

int main(int count, char** arguments) {
  static struct pump pump = {.level = 1.8, .speed = 50};
  if (count > 3) pump.level = atof(arguments[3]);
  const struct device device = {PERIOD, &pump, obey, step, report};
  return run_device(&device, count, arguments);
}
