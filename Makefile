# Shortcuts; what they do is in CMakePresets.json and .ci/run.
SHELL := /bin/bash
PRESET ?= release
BUILD := build/$(PRESET)
JOBS ?= $(shell nproc)
TESTS ?= $(shell echo $$(($(JOBS) + 2))) # at a time: those of rigs mostly wait
SCENARIO ?= scenarios/smart-meters

.PHONY: build run test bench python wheel format clean deps
.NOTPARALLEL: # what is missing is installed before anything is configured

build: $(BUILD)/build.ninja
	@cmake --build $(BUILD) --parallel $(JOBS)

# Configures once; CMake itself notices later changes of its files.
$(BUILD)/build.ninja:
	@cmake --preset $(PRESET)

# The tests and benchmarks are not needed for it.
run: deps $(BUILD)/build.ninja
	@cmake --build $(BUILD) --parallel $(JOBS) --target looptwin
	$(BUILD)/bin/looptwin run $(SCENARIO)

test: deps build
	ctest --test-dir $(BUILD) --parallel $(TESTS) --output-on-failure --no-tests=error

# import looptwin: PYTHONPATH=build/release/python /usr/bin/python3
python: deps $(BUILD)/build.ninja
	@cmake --build $(BUILD) --parallel $(JOBS) --target _looptwin

# A wheel with the module, the program and the scenarios: build/release/wheel/
wheel: python
	@scripts/wheel $(BUILD)

bench: deps build
	@set -e; for b in $(BUILD)/bin/bench_*; do [ -x "$$b" ] || continue; echo "== $$(basename $$b)"; "$$b"; done

# Debian packages that are missing; silent and a tenth of a second when none is.
deps:
	@scripts/install-deps

format:
	git ls-files '*.h' '*.cc' | xargs clang-format -i

clean:
	rm -rf build
