#include "testbed/command_line.h"
#include "twin/warm/segment_writer.h"

int main(int argc, char** argv) {
  looptwin::twin::end_without_hdf5();
  return looptwin::testbed::command_line(argc, argv);
}
