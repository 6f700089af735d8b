// Column programs (lang/program.h) and plants (lang/plant.h) against hand-written C++ loops with the same
// results.
//
// rule: overloaded = power > limit && air - cool > 0.5 && armed (five operations, Kleene's logic, boolean
// columns in u8). energy: cost = (power·hours + base − rebate)·price (five operations on numbers). house: one
// step of the two-mass house of GridLAB-D (states air and mass, an actuator, its own parameters a row, the
// outdoor temperature from a feed): exact step x⁺ = Φx + Γu. pendulum: x' = v, v' = −sin x·k − c·v by
// Runge-Kutta 4. Each at 16 384 rows, whose columns stay in the L2 cache, and at 1 M rows, from memory. Every
// row is evaluated each time. References: the loop as one would write it, at the project's own flags
// (x86-64-v2), over the same columns; for the pendulum with the same sine. Figures: millions of rows per CPU
// second, median of five; the results must be equal.
#include <cmath>
#include <limits>
#include <map>

#include "base/check.h"
#include "base/maths.h"
#include "base/simd.h"
#include "bench/bench.h"
#include "lang/plant.h"
#include "lang/program.h"

using namespace looptwin;
using namespace looptwin::lang;

namespace {

/// One table in memory, its columns by name.
class Fleet : public Memory {
 public:
  Fleet(size_t rows) : rows_(rows) { schema.tables.push_back({.name = "home"}); }

  ColumnId add(const std::string& name, Storage storage = Storage::f64) {
    const Type type = storage == Storage::boolean ? Type::boolean() : Type::number();
    return schema.add_column(table, {.name = name, .type = type, .storage = storage});
  }
  NodeId read(ColumnId c) {
    return graph.add({.op = Op::column, .type = schema.column(table, c).type, .table = table, .column = c});
  }
  NodeId constant(double x) { return graph.add({.op = Op::constant, .type = Type::number(), .number = {x}}); }
  NodeId feed() { return graph.add({.op = Op::feed, .type = Type::number(), .feed = FeedId(size_t{0})}); }
  NodeId op(Op op, std::vector<NodeId> args) {
    Node node{.op = op, .type = Type::number(), .args = std::move(args)};
    for (const NodeId arg : node.args) {
      if (graph[arg].table.valid()) node.table = table;
    }
    if (op >= Op::less && op <= Op::logical_or) node.type = Type::boolean();
    return graph.add(std::move(node));
  }

  void* column(TableId, ColumnId c) override {
    auto& bytes = columns_[c.index()];
    if (bytes.empty()) bytes.resize((rows_ * size_of(schema.column(table, c).storage) + 7) / 8);
    return bytes.data();
  }
  size_t rows(TableId) const override { return rows_; }
  double* numbers(ColumnId c) { return static_cast<double*>(column(table, c)); }
  uint8_t* flags(ColumnId c) { return static_cast<uint8_t*>(column(table, c)); }

  Schema schema;
  Graph graph;
  TableId table{0};

 private:
  size_t rows_;
  std::map<size_t, std::vector<double>> columns_;
};

double draw(size_t i, double low, double high) {
  const uint64_t h = (i + 1) * 0x9e3779b97f4a7c15ull;
  return low + (high - low) * static_cast<double>((h ^ h >> 31) >> 11) * 0x1p-53;
}

struct Timing {
  size_t rows;
  int times;
  template <typename Work>
  double millions(Work&& work) const {
    work();
    return bench::median_of(5, [&] {
      const double seconds = bench::time_of([&] {
        for (int k = 0; k < times; ++k) work();
      });
      return static_cast<double>(rows) * times / seconds / 1e6;
    });
  }
};

__attribute__((noinline)) void rule_by_hand(const double* power, const double* limit, const double* air,
                                            const double* cool, const uint8_t* armed, uint8_t* out,
                                            size_t n) {
  for (size_t i = 0; i < n; ++i) {
    const double over = power[i] > limit[i] ? 1.0 : power[i] <= limit[i] ? 0.0 : 0.5;
    const double rise = air[i] - cool[i];
    const double warm = rise > 0.5 ? 1.0 : rise <= 0.5 ? 0.0 : 0.5;
    const double on = armed[i] == 2 ? 0.5 : armed[i];
    const double both = over < warm ? over : warm;
    const double all = both < on ? both : on;
    out[i] = all == 1.0 ? 1 : all == 0.0 ? 0 : 2;
  }
}

void bench_rule(bench::Report& report, const std::string& size, Timing timing) {
  Fleet f(timing.rows);
  const ColumnId power = f.add("power"), limit = f.add("limit"), air = f.add("air"), cool = f.add("cool");
  const ColumnId armed = f.add("armed", Storage::boolean), out = f.add("out", Storage::boolean),
                 hand = f.add("hand", Storage::boolean);
  const NodeId over = f.op(Op::greater, {f.read(power), f.read(limit)});
  const NodeId warm = f.op(Op::greater, {f.op(Op::subtract, {f.read(air), f.read(cool)}), f.constant(0.5)});
  const NodeId rule = f.op(Op::logical_and, {f.op(Op::logical_and, {over, warm}), f.read(armed)});
  const std::vector<Root> roots = {{rule, out}};
  Program program = Program::compile(f.schema, f.graph, f.table, roots, {});
  program.bind(f);
  for (size_t i = 0; i < timing.rows; ++i) {
    f.numbers(power)[i] = i % 97 == 0 ? std::numeric_limits<double>::quiet_NaN() : draw(i, 0, 10);
    f.numbers(limit)[i] = draw(i * 3, 0, 10);
    f.numbers(air)[i] = draw(i * 5, 18, 30);
    f.numbers(cool)[i] = draw(i * 7, 18, 30);
    f.flags(armed)[i] = static_cast<uint8_t>(i % 3);
  }
  const double ours = timing.millions([&] { program.run({kStart, {}}, 0, timing.rows); });
  const double theirs = timing.millions([&] {
    rule_by_hand(f.numbers(power), f.numbers(limit), f.numbers(air), f.numbers(cool), f.flags(armed),
                 f.flags(hand), timing.rows);
  });
  LT_CHECK(std::memcmp(f.flags(out), f.flags(hand), timing.rows) == 0);
  report.row("rule, " + size, ours, "M rows/s", theirs);
}

__attribute__((noinline)) void energy_by_hand(const double* power, const double* hours, const double* base,
                                              const double* rebate, const double* price, double* out,
                                              size_t n) {
  for (size_t i = 0; i < n; ++i) out[i] = (power[i] * hours[i] + base[i] - rebate[i]) * price[i];
}

void bench_energy(bench::Report& report, const std::string& size, Timing timing) {
  Fleet f(timing.rows);
  std::vector<ColumnId> in;
  for (const char* name : {"power", "hours", "base", "rebate", "price"}) {
    in.push_back(f.add(name));
    for (size_t i = 0; i < timing.rows; ++i) f.numbers(in.back())[i] = draw(i * in.size(), 0, 10);
  }
  const ColumnId out = f.add("out"), hand = f.add("hand");
  const NodeId used = f.op(Op::add, {f.op(Op::multiply, {f.read(in[0]), f.read(in[1])}), f.read(in[2])});
  const std::vector<Root> roots = {
      {f.op(Op::multiply, {f.op(Op::subtract, {used, f.read(in[3])}), f.read(in[4])}), out}};
  Program program = Program::compile(f.schema, f.graph, f.table, roots, {});
  program.bind(f);
  const double ours = timing.millions([&] { program.run({kStart, {}}, 0, timing.rows); });
  const double theirs = timing.millions([&] {
    energy_by_hand(f.numbers(in[0]), f.numbers(in[1]), f.numbers(in[2]), f.numbers(in[3]), f.numbers(in[4]),
                   f.numbers(hand), timing.rows);
  });
  LT_CHECK(std::memcmp(f.numbers(out), f.numbers(hand), timing.rows * sizeof(double)) == 0);
  report.row("energy, " + size, ours, "M rows/s", theirs);
}

/// What a hand-written plant would keep a row: Φ, and Γ for the outdoor temperature and for the cooling.
struct HouseColumns {
  const double *p00, *p01, *p10, *p11, *outdoor0, *outdoor1, *cooling0, *cooling1, *capacity;
  const uint8_t* compressor;
};

__attribute__((noinline)) void house_by_hand(const HouseColumns& h, double outdoor, double* air, double* mass,
                                             size_t n) {
  for (size_t i = 0; i < n; ++i) {
    const double cooling = h.compressor[i] == 1 ? h.capacity[i] : 0.0;
    const double a = air[i], m = mass[i];
    air[i] = h.p00[i] * a + h.p01[i] * m + h.outdoor0[i] * outdoor + h.cooling0[i] * cooling;
    mass[i] = h.p10[i] * a + h.p11[i] * m + h.outdoor1[i] * outdoor + h.cooling1[i] * cooling;
  }
}

void bench_house(bench::Report& report, const std::string& size, Timing timing) {
  Fleet f(timing.rows);
  const ColumnId ua = f.add("UA"), ca = f.add("CA"), cm = f.add("CM"), hm = f.add("HM"),
                 capacity = f.add("capacity");
  const ColumnId compressor = f.add("compressor", Storage::boolean), air = f.add("air"), mass = f.add("mass");
  const ColumnId cooling = f.add("cooling");
  const auto flow = [&](ColumnId k, NodeId from, NodeId to) {
    return f.op(Op::multiply, {f.read(k), f.op(Op::subtract, {from, to})});
  };
  const NodeId gain = f.op(Op::add, {flow(ua, f.feed(), f.read(air)), flow(hm, f.read(mass), f.read(air))});
  PlantSource source{.table = f.table, .step = seconds(1)};
  source.states = {{"air", air, f.op(Op::divide, {f.op(Op::subtract, {gain, f.read(cooling)}), f.read(ca)})},
                   {"mass", mass, f.op(Op::divide, {flow(hm, f.read(air), f.read(mass)), f.read(cm)})}};
  source.outputs = {{f.op(Op::choose, {f.read(compressor), f.read(capacity), f.constant(0)}), cooling}};
  source.parameters = {ua, ca, cm, hm, capacity};
  Result<Plant> plant = Plant::compile(f.schema, f.graph, source);
  LT_CHECK(plant.has_value() && plant->integrator() == Integrator::exact);
  plant->bind(f);
  for (size_t i = 0; i < timing.rows; ++i) {
    f.numbers(ua)[i] = draw(i, 150, 250);
    f.numbers(ca)[i] = draw(i * 3, 4e5, 6e5);
    f.numbers(cm)[i] = draw(i * 5, 4e6, 6e6);
    f.numbers(hm)[i] = draw(i * 7, 1000, 2000);
    f.numbers(capacity)[i] = 9000;
    f.flags(compressor)[i] = static_cast<uint8_t>(i % 2);
    f.numbers(air)[i] = f.numbers(mass)[i] = 296;
  }
  const double prepared =
      static_cast<double>(timing.rows) / bench::time_of([&] { plant->prepare(0, timing.rows); }) / 1e6;
  const auto find = [&](const std::string& name) {
    const auto& columns = f.schema.table(f.table).columns;
    size_t k = 0;
    while (columns[k].name != name) ++k;
    return f.numbers(ColumnId(k));
  };
  const HouseColumns h{find(".phi.air.air"),   find(".phi.air.mass"), find(".phi.mass.air"),
                       find(".phi.mass.mass"), find(".gamma.air.0"),  find(".gamma.mass.0"),
                       find(".gamma.air.1"),   find(".gamma.mass.1"), f.numbers(capacity),
                       f.flags(compressor)};
  // The reference has the cooling as a gain: the same sign as the plant's second input.
  std::vector<double> air_by_hand(f.numbers(air), f.numbers(air) + timing.rows), mass_by_hand = air_by_hand;
  const double outdoor[] = {310};
  const double ours = timing.millions([&] { plant->advance({kStart, outdoor}, 0, timing.rows); });
  const double theirs = timing.millions(
      [&] { house_by_hand(h, outdoor[0], air_by_hand.data(), mass_by_hand.data(), timing.rows); });
  for (size_t i = 0; i < timing.rows; ++i) LT_CHECK(std::fabs(f.numbers(air)[i] - air_by_hand[i]) < 1e-9);
  report.row("house step, " + size, ours, "M rows/s", theirs);
  report.row("house prepare, " + size, prepared, "M rows/s");
}

__attribute__((noinline)) void pendulum_by_hand(const double* k, const double* c, double* x, double* v,
                                                double h, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    const auto rate = [&](double at, double speed) { return -(maths::sin(at) * k[i]) - c[i] * speed; };
    const double x1 = v[i], v1 = rate(x[i], v[i]);
    const double x2 = v[i] + h / 2 * v1, v2 = rate(x[i] + h / 2 * x1, x2);
    const double x3 = v[i] + h / 2 * v2, v3 = rate(x[i] + h / 2 * x2, x3);
    const double x4 = v[i] + h * v3, v4 = rate(x[i] + h * x3, x4);
    x[i] += h / 6 * (x1 + 2 * x2 + 2 * x3 + x4);
    v[i] += h / 6 * (v1 + 2 * v2 + 2 * v3 + v4);
  }
}

void bench_pendulum(bench::Report& report, const std::string& size, Timing timing) {
  Fleet f(timing.rows);
  const ColumnId k = f.add("k"), c = f.add("c"), x = f.add("x"), v = f.add("v");
  const NodeId pull = f.op(Op::negate, {f.op(Op::multiply, {f.op(Op::sine, {f.read(x)}), f.read(k)})});
  PlantSource source{.table = f.table, .step = milliseconds(10)};
  source.states = {{"x", x, f.read(v)},
                   {"v", v, f.op(Op::subtract, {pull, f.op(Op::multiply, {f.read(c), f.read(v)})})}};
  source.parameters = {k, c};
  Result<Plant> plant = Plant::compile(f.schema, f.graph, source);
  LT_CHECK(plant.has_value() && plant->integrator() == Integrator::runge_kutta4);
  plant->bind(f);
  for (size_t i = 0; i < timing.rows; ++i) {
    f.numbers(k)[i] = draw(i, 5, 10);
    f.numbers(c)[i] = 0.1;
    f.numbers(x)[i] = draw(i * 3, -1, 1);
  }
  plant->prepare(0, timing.rows);
  std::vector<double> x_by_hand(f.numbers(x), f.numbers(x) + timing.rows), v_by_hand(timing.rows);
  const double ours = timing.millions([&] { plant->advance({kStart, {}}, 0, timing.rows); });
  const double theirs = timing.millions([&] {
    pendulum_by_hand(f.numbers(k), f.numbers(c), x_by_hand.data(), v_by_hand.data(), 0.01, timing.rows);
  });
  for (size_t i = 0; i < timing.rows; ++i) LT_CHECK(std::fabs(f.numbers(x)[i] - x_by_hand[i]) < 1e-9);
  report.row("pendulum step, " + size, ours, "M rows/s", theirs);
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options = bench::parse(argc, argv);
  bench::Report report(options);
  if (!options.json) std::printf("vectors of %s\n", name_of(simd()));
  struct {
    const char* name;
    Timing timing;
  } const sizes[] = {{"16 k rows", {16384, 2000}}, {"1 M rows", {1'000'000, 20}}};
  for (const auto& [name, timing] : sizes) {
    const Timing t = options.quick ? Timing{5000, 2} : timing;
    if (report.wants("rule")) bench_rule(report, name, t);
    if (report.wants("energy")) bench_energy(report, name, t);
    if (report.wants("house")) bench_house(report, name, t);
    if (report.wants("pendulum"))
      bench_pendulum(report, name, options.quick ? t : Timing{t.rows, t.times / 10});
  }
  return 0;
}
