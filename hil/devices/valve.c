/* The actuator of a block valve in a gas line, as a device of its own. It closes within a second and opens
   within ten, and closes by itself, and says so, when the pressure beside it falls by more than the drop that
   it was set to. Speaks as valve.py does, every second; SIGUSR1 breaks the line.

     valve_device PORT ID [BAR] */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"

#define PERIOD 1.0   /* s */
#define OPENS 10.0   /* %/s */
#define EMPTIES 20.0 /* bar, by which the pressure falls when the line breaks */

struct valve {
  double pressure, position, drop; /* bar, %, bar */
  bool shut, line_break;
};

static volatile sig_atomic_t broken;
static void on_break(int signal_number) { broken = signal_number; }

static const char* obey(void* state, const char* order) {
  struct valve* valve = state;
  char word[WORD];
  double value = 0;
  if (text_member(order, "set", word) && strcmp(word, "break_drop") == 0) {
    if (!number_member(order, "value", &value) || !(value >= 0.5 && value <= 20)) return "out_of_range";
    valve->drop = value;
    return "accepted";
  }
  if (!text_member(order, "command", word) || (strcmp(word, "open") != 0 && strcmp(word, "close") != 0))
    return "unknown_command";
  valve->shut = strcmp(word, "close") == 0;
  valve->line_break = valve->line_break && valve->shut;
  return "accepted";
}

static void step(void* state, bool linked) {
  struct valve* valve = state;
  (void)linked; /* it guards its line whether anybody listens or not */
  if (broken) {
    broken = 0;
    valve->pressure -= EMPTIES;
    if (EMPTIES > valve->drop) valve->shut = valve->line_break = true;
  }
  valve->position = valve->shut ? 0 : valve->position + OPENS * PERIOD;
  if (valve->position > 100) valve->position = 100;
}

static void report(const void* state, char* out, size_t size) {
  const struct valve* valve = state;
  const char* line_break = valve->line_break ? "true" : "false";
  snprintf(out, size, "\"pressure\": %.2f, \"check_pressure\": %.2f, \"position\": %.0f, \"line_break\": %s",
           valve->pressure, valve->pressure, valve->position, line_break);
}

int main(int count, char** arguments) {
  static struct valve valve = {.pressure = 60, .position = 100, .drop = 4};
  if (count > 3) valve.pressure = atof(arguments[3]);
  signal(SIGUSR1, on_break);
  const struct device device = {PERIOD, &valve, obey, step, report};
  return run_device(&device, count, arguments);
}
