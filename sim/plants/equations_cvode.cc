// The only source that knows SUNDIALS.
#include <cvode/cvode.h>
#include <nvector/nvector_serial.h>
#include <sundials/sundials_context.h>
#include <sunlinsol/sunlinsol_dense.h>
#include <sunmatrix/sunmatrix_dense.h>

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "sim/plants/equations_solver.h"

namespace looptwin::sim {
namespace {

// Of one grid step: a plant that needs more has met something that no step is short enough for.
constexpr int64_t kMostSteps = 500'000;
// One after the other. Past a jump there are some dozen.
constexpr int64_t kMostStanding = 200;
// In so many of the last steps a rate that is no number has to do with their being many.
constexpr int64_t kLately = 1000;

class Cvode final : public EquationSolver {
 public:
  Cvode(size_t states, Rates rates, double relative, std::span<const double> absolute)
      : rates_(std::move(rates)), states_(states), lost_(states) {
    LT_CHECK(SUNContext_Create(nullptr, &context_) == 0, "no SUNDIALS context");
    y_ = N_VNew_Serial(static_cast<sunindextype>(states), context_);
    scratch_ = N_VNew_Serial(static_cast<sunindextype>(states), context_);
    weights_ = N_VNew_Serial(static_cast<sunindextype>(states), context_);
    N_Vector tolerances = N_VNew_Serial(static_cast<sunindextype>(states), context_);
    std::copy(absolute.begin(), absolute.end(), N_VGetArrayPointer(tolerances));
    N_VConst(0, y_);
    matrix_ = SUNDenseMatrix(static_cast<sunindextype>(states), static_cast<sunindextype>(states), context_);
    linear_ = SUNLinSol_Dense(y_, matrix_, context_);
    memory_ = CVodeCreate(CV_BDF, context_);
    LT_CHECK(memory_ != nullptr && matrix_ != nullptr && linear_ != nullptr, "no memory for CVODE");
    const bool made = CVodeInit(memory_, &Cvode::rates, 0, y_) == CV_SUCCESS &&
                      CVodeSetErrHandlerFn(memory_, &Cvode::silent, nullptr) == CV_SUCCESS &&
                      CVodeSetUserData(memory_, this) == CV_SUCCESS &&
                      CVodeSVtolerances(memory_, relative, tolerances) == CV_SUCCESS &&
                      CVodeSetLinearSolver(memory_, linear_, matrix_) == CV_SUCCESS;
    N_VDestroy(tolerances);
    LT_CHECK(made, "CVODE refuses its settings");
  }
  ~Cvode() override {
    CVodeFree(&memory_);
    SUNLinSolFree(linear_);
    SUNMatDestroy(matrix_);
    for (N_Vector v : {y_, scratch_, weights_}) N_VDestroy(v);
    SUNContext_Free(&context_);
  }
  Cvode(const Cvode&) = delete;
  Cvode& operator=(const Cvode&) = delete;

  void start(double t, std::span<const double> y) override {
    std::copy(y.begin(), y.end(), N_VGetArrayPointer(y_));
    time_ = start_ = t;
    steps_ = standing_ = 0;
    last_lost_ = {-kLately, states_};
    LT_CHECK(CVodeReInit(memory_, t, y_) == CV_SUCCESS, "CVODE does not begin");
  }

  std::optional<SolverFailure> step(double end) override {
    lost_ = states_;
    end_ = end;
    LT_CHECK(CVodeSetStopTime(memory_, end) == CV_SUCCESS, "CVODE does not take its end");
    const double before = time_;
    const int flag = CVode(memory_, end, y_, &time_, CV_ONE_STEP);
    // Too close to the end for a step of its own: what could change there is below rounding.
    if (flag == CV_TOO_CLOSE) time_ = end;
    if (flag < 0 && flag != CV_TOO_CLOSE) return failed(flag);
    // CVODE goes on where a step is too short for time to show it, and states would move while time stands.
    standing_ = time_ > before ? 0 : standing_ + 1;
    if (standing_ > kMostStanding) return too_fast();
    if (lost_ < states_) last_lost_ = {steps_, lost_};
    if (++steps_ > kMostSteps) return too_many();
    return std::nullopt;
  }

  double time() const override { return time_; }
  std::span<const double> state() const override { return {N_VGetArrayPointer(y_), states_}; }

  void at(double t, std::span<double> y) override {
    LT_CHECK(CVodeGetDky(memory_, t, 0, scratch_) == CV_SUCCESS, "a time outside the last step");
    std::copy_n(N_VGetArrayPointer(scratch_), states_, y.begin());
  }

 private:
  static int rates(double t, N_Vector y, N_Vector out, void* self) {
    auto& solver = *static_cast<Cvode*>(self);
    const std::span<const double> at(N_VGetArrayPointer(y), solver.states_);
    const std::span<double> result(N_VGetArrayPointer(out), solver.states_);
    solver.rates_(t, at, result);
    const auto lost = first_not_finite(result);
    if (!lost) return 0;
    // One state that is lost takes all with it through the Jacobian: what follows from that blames nobody.
    if (!first_not_finite(at)) solver.lost_ = *lost;
    return 1;  // it may be outside where the equations hold: a shorter step may stay within
  }
  static void silent(int, const char*, const char*, char*, void*) {}

  /// The state with the largest error beside its tolerance.
  size_t worst(double* times = nullptr) {
    size_t state = 0;
    if (CVodeGetEstLocalErrors(memory_, scratch_) != CV_SUCCESS ||
        CVodeGetErrWeights(memory_, weights_) != CV_SUCCESS)
      return state;
    const double* errors = N_VGetArrayPointer(scratch_);
    const double* weights = N_VGetArrayPointer(weights_);
    const auto ratio = [&](size_t i) { return std::abs(errors[i] * weights[i]); };
    for (size_t i = 1; i < states_; ++i)
      if (ratio(i) > ratio(state)) state = i;
    if (times != nullptr) *times = ratio(state);
    return state;
  }

  /// The state that runs away fastest beside its tolerance: where Newton's method fails there are no new
  /// errors.
  size_t fastest() {
    const double* y = N_VGetArrayPointer(y_);
    double* rates = N_VGetArrayPointer(scratch_);
    rates_(time_, {y, states_}, {rates, states_});
    if (const auto lost = first_not_finite({rates, states_})) return *lost;
    if (CVodeGetErrWeights(memory_, weights_) != CV_SUCCESS) return 0;
    const double* weights = N_VGetArrayPointer(weights_);
    size_t state = 0;
    for (size_t i = 1; i < states_; ++i)
      if (std::abs(rates[i] * weights[i]) > std::abs(rates[state] * weights[state])) state = i;
    return state;
  }

  /// Whether a state grows so fast where the solver stopped that it would be a billion times itself within
  /// the time that it was integrated over. Not one that is just leaving 0.
  std::optional<SolverFailure> runaway(size_t state) {
    const double* y = N_VGetArrayPointer(y_);
    double* rates = N_VGetArrayPointer(scratch_);
    rates_(time_, {y, states_}, {rates, states_});
    const double value = y[state], rate = rates[state];
    if (CVodeGetErrWeights(memory_, weights_) != CV_SUCCESS) return std::nullopt;
    const bool is_at_zero = std::abs(value) * N_VGetArrayPointer(weights_)[state] < 1;
    if (is_at_zero || !(value * rate > 0) || !(std::abs(rate) * (end_ - start_) > 1e9 * std::abs(value)))
      return std::nullopt;
    return SolverFailure{
        state, fmt::format("it grows without bound: at {:.3g} (SI) its rate is {:.3g} a second", value, rate),
        "bound it by limits:, or its rate by min(), max() or if()"};
  }

  static SolverFailure not_finite(size_t state) {
    return {state, "its rate is not a finite number, however short the step",
            "its rate divides by zero, or takes a root of something negative: bound it by max() or if()"};
  }

  std::optional<SolverFailure> too_fast() {
    const size_t state = fastest();
    if (auto growth = runaway(state)) return growth;
    return SolverFailure{
        state,
        fmt::format("no step is short enough for its rate of {:.3g} (SI) a second",
                    N_VGetArrayPointer(scratch_)[state]),
        "its rate divides by what becomes 0: bound it by max() or if(); or let an event act before"};
  }

  std::optional<SolverFailure> too_many() {
    const auto [step, state] = last_lost_;
    if (steps_ - step < kLately) return not_finite(state);
    return SolverFailure{worst(), fmt::format("{} steps have not been enough for one grid step", kMostSteps),
                         "wider tolerances, or an equation without jumps and noise; or shorten step:"};
  }

  SolverFailure failed(int flag) {
    double times = 0;
    const size_t inexact = worst(&times);
    // Newton's method, too, fails for want of a rate.
    const bool is_lost = lost_ < states_;
    const size_t state = is_lost ? lost_ : flag == CV_ERR_FAILURE ? inexact : fastest();
    if (auto growth = runaway(state)) return *growth;
    if (is_lost) return not_finite(state);
    switch (flag) {
      case CV_CONV_FAILURE:
      case CV_LSETUP_FAIL:
      case CV_LSOLVE_FAIL:
        return {state, "Newton's method finds no solution, however short the step",
                "smooth what jumps in the equations, or make it an event"};
      case CV_ERR_FAILURE:
        return {state,
                fmt::format("its error stays {:.3g} times the tolerance, however short the step", times),
                "it may jump: make the jump an event; or wider tolerances"};
      default:
        return {state, fmt::format("CVODE gives up ({})", name_of(flag)), "solver: runge_kutta4"};
    }
  }

  static std::string name_of(int flag) {
    char* name = CVodeGetReturnFlagName(flag);
    std::string text = name;
    std::free(name);
    return text;
  }

  Rates rates_;
  size_t states_;
  size_t lost_;  ///< whose rate was not finite last in the step under way
  double time_ = 0, start_ = 0, end_ = 0;
  int64_t steps_ = 0, standing_ = 0;
  std::pair<int64_t, size_t> last_lost_;  ///< the last step with a rate that was not finite, and whose
  SUNContext context_ = nullptr;
  N_Vector y_ = nullptr, scratch_ = nullptr, weights_ = nullptr;
  SUNMatrix matrix_ = nullptr;
  SUNLinearSolver linear_ = nullptr;
  void* memory_ = nullptr;
};

}  // namespace

std::unique_ptr<EquationSolver> make_cvode(size_t states, EquationSolver::Rates rates, double relative,
                                           std::span<const double> absolute) {
  return std::make_unique<Cvode>(states, std::move(rates), relative, absolute);
}

}  // namespace looptwin::sim
