#include "testbed/command_line.h"

int main(int argc, char** argv) { return looptwin::testbed::command_line(argc, argv); }
