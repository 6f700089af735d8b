// A team of threads that runs one function over numbered parts and meets at a barrier. Which thread runs
// which part is not defined, so a part must own what it writes; results are combined afterwards in part
// order.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace looptwin {

class Workers {
 public:
  /// threads >= 1; the calling thread is one of them, so Workers(1) starts none.
  explicit Workers(int threads);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  int threads() const;

  /// In the child of a fork of the process, whose only thread is the calling one: starts threads of its own.
  /// What stood for the parent's is left alone, and leaks.
  void begin_anew(int threads);

  /// Runs work(part, thread) for every part in [0, parts); returns when all are done. Does not allocate.
  template <typename Work>
  void run(size_t parts, Work&& work) {
    run_erased(parts, &work, [](void* w, size_t part, int thread) {
      (*static_cast<std::remove_reference_t<Work>*>(w))(part, thread);
    });
  }

 private:
  using Call = void (*)(void* work, size_t part, int thread);
  void run_erased(size_t parts, void* work, Call call);
  struct Team;
  std::unique_ptr<Team> team_;
};

}  // namespace looptwin
