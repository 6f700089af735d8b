// The vector VM against definitions: every kernel at every width, and random programs against a row-by-row
// evaluation.
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "base/maths.h"
#include "base/simd.h"
#include "lang/kernels.h"
#include "tests/lang/tables.h"

namespace looptwin::lang::test {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
const double kSpecial[] = {0.0,        -0.0,
                           0.5,        1.0,
                           -1.0,       2.0,
                           -2.5,       0.49999999999999994,
                           kUnknown,   kInfinite,
                           -kInfinite, 1e300,
                           -1e-300,    4503599627370497.5,
                           3.0};

class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}
  size_t below(size_t n) { return engine_() % n; }
  bool one_in(size_t n) { return below(n) == 0; }
  double number() {
    if (one_in(4)) return kSpecial[below(std::size(kSpecial))];
    return (static_cast<double>(engine_() >> 11) * 0x1p-53 - 0.5) * (one_in(3) ? 1000.0 : 8.0);
  }
  double boolean() { return 0.5 * static_cast<double>(below(3)); }

 private:
  std::mt19937_64 engine_;
};

/// What the comment of each kernel says, one row at a time.
double defined(Kernel kernel, double a, double b, double c, double d) {
  const auto truth = [](bool holds, bool is_known) { return is_known ? (holds ? 1.0 : 0.0) : 0.5; };
  const bool known = !std::isnan(a) && !std::isnan(b);
  const auto choice = [](double condition, double yes, double no, double unknown) {
    return condition == 1 ? yes : condition == 0 ? no : unknown;
  };
  switch (kernel) {
    case Kernel::copy:
      return a;
    case Kernel::negate:
      return -a;
    case Kernel::logical_not:
      return 1 - a;
    case Kernel::known:
      return std::isnan(a) ? 0 : 1;
    case Kernel::known_boolean:
      return a == 0.5 ? 0 : 1;
    case Kernel::absolute:
      return std::fabs(a);
    case Kernel::sign:
      return std::isnan(a) || a == 0 ? a : std::copysign(1.0, a);
    case Kernel::floor:
      return std::floor(a);
    case Kernel::ceil:
      return std::ceil(a);
    case Kernel::round:
      return std::round(a);
    case Kernel::square_root:
      return std::sqrt(a);
    case Kernel::add:
      return a + b;
    case Kernel::subtract:
      return a - b;
    case Kernel::multiply:
      return a * b;
    case Kernel::divide:
      return a / b;
    case Kernel::less:
      return truth(a < b, known);
    case Kernel::less_equal:
      return truth(a <= b, known);
    case Kernel::equal:
      return truth(a == b, known);
    case Kernel::not_equal:
      return truth(a != b, known);
    case Kernel::equal_boolean:
      return truth(a == b, a != 0.5 && b != 0.5);
    case Kernel::not_equal_boolean:
      return truth(a != b, a != 0.5 && b != 0.5);
    case Kernel::logical_and:
      return a < b ? a : b;
    case Kernel::logical_or:
      return a > b ? a : b;
    case Kernel::minimum:
      return known ? (a < b ? a : b) : kUnknown;
    case Kernel::maximum:
      return known ? (a > b ? a : b) : kUnknown;
    case Kernel::choose:
      return choice(a, b, c, kUnknown);
    case Kernel::choose_boolean:
      return choice(a, b, c, 0.5);
    case Kernel::clamp:
      return defined(Kernel::minimum, defined(Kernel::maximum, a, b, 0, 0), c, 0, 0);
    case Kernel::multiply_add:
      return a * b + c;
    case Kernel::multiply_subtract:
      return a * b - c;
    case Kernel::subtract_product:
      return c - a * b;
    case Kernel::sum_times:
      return (a + b) * c;
    case Kernel::difference_times:
      return (a - b) * c;
    case Kernel::less_and:
      return std::min(truth(a < b, known), c);
    case Kernel::less_equal_and:
      return std::min(truth(a <= b, known), c);
    case Kernel::less_or:
      return std::max(truth(a < b, known), c);
    case Kernel::less_equal_or:
      return std::max(truth(a <= b, known), c);
    case Kernel::sum_of_products:
      return a * b + c * d;
    case Kernel::choose_less:
      return choice(truth(a < b, known), c, d, kUnknown);
    case Kernel::choose_less_equal:
      return choice(truth(a <= b, known), c, d, kUnknown);
    case Kernel::choose_less_boolean:
      return choice(truth(a < b, known), c, d, 0.5);
    case Kernel::choose_less_equal_boolean:
      return choice(truth(a <= b, known), c, d, 0.5);
  }
  return kUnknown;
}

/// Operands that must be booleans, for kernels of which the definition asks it.
bool takes_boolean(Kernel kernel, int operand) {
  switch (kernel) {
    case Kernel::logical_not:
    case Kernel::known_boolean:
    case Kernel::equal_boolean:
    case Kernel::not_equal_boolean:
    case Kernel::logical_and:
    case Kernel::logical_or:
      return true;
    case Kernel::choose:
      return operand == 0;
    case Kernel::choose_boolean:
      return true;
    case Kernel::less_and:
    case Kernel::less_equal_and:
    case Kernel::less_or:
    case Kernel::less_equal_or:
      return operand == 2;
    case Kernel::choose_less_boolean:
    case Kernel::choose_less_equal_boolean:
      return operand >= 2;
    default:
      return false;
  }
}

std::vector<Simd> widths() {
  std::vector<Simd> all = {Simd::v2};
  if (simd() >= Simd::v3) all.push_back(Simd::v3);
  if (simd() >= Simd::v4) all.push_back(Simd::v4);
  return all;
}

TEST_CASE("vm: every kernel, in every form, does what its definition says at every width, also in place") {
  Dice dice(1);
  const auto kernel = static_cast<Kernel>(GENERATE(range(size_t{0}, kKernels)));
  const KernelInfo& info = kKernelInfo[static_cast<size_t>(kernel)];
  INFO(info.name);
  for (const size_t rows : {size_t{1}, size_t{7}, size_t{255}, size_t{256}}) {
    std::vector<double> in[4];
    for (int k = 0; k < 4; ++k) {
      for (size_t i = 0; i <= rows; ++i)
        in[k].push_back(takes_boolean(kernel, k) ? dice.boolean() : dice.number());
    }
    for (size_t form = 0; form < kForms; ++form) {
      for (const Simd width : widths()) {
        const Kernels::Apply apply = kernels(width).apply[static_cast<size_t>(kernel)][form];
        const size_t all = (size_t{1} << info.operands) - 1;
        REQUIRE((apply != nullptr) == (form < all || (form == all && info.operands == 1)));
        if (apply == nullptr) continue;
        std::vector<double> out(rows + 1, -7.0), in_place = in[0];
        // Columns begin anywhere: one double past the vector's alignment.
        apply(out.data() + 1, &in[0][1], &in[1][1], &in[2][1], &in[3][1], rows);
        apply(in_place.data() + 1, in_place.data() + 1, &in[1][1], &in[2][1], &in[3][1], rows);
        for (size_t i = 0; i < rows; ++i) {
          const auto operand = [&](size_t k) { return in[k][form >> k & 1 ? 1 : i + 1]; };
          const double expected = defined(kernel, operand(0), operand(1), operand(2), operand(3));
          if (!same(out[i + 1], expected) || !same(in_place[i + 1], expected)) {
            FAIL(name_of(width) << " form " << form << " of " << operand(0) << ", " << operand(1) << ", "
                                << operand(2) << ", " << operand(3) << ": " << out[i + 1] << " or "
                                << in_place[i + 1] << ", not " << expected);
          }
        }
        REQUIRE(out[0] == -7.0);
      }
    }
  }
}

TEST_CASE("vm: tables, gathers, loads and stores are equal at every width") {
  Dice dice(2);
  constexpr size_t kRows = 301;
  std::vector<double> x(kRows), first(kRows), out(kRows);
  std::vector<uint32_t> rows(kRows);
  std::vector<int64_t> instants(kRows);
  for (size_t i = 0; i < kRows; ++i) {
    x[i] = dice.number();
    rows[i] = dice.one_in(5) ? UINT32_MAX : static_cast<uint32_t>(dice.below(kRows));
    const double instant = dice.number() * 1e6;
    instants[i] = dice.one_in(5) || !(std::abs(instant) < 1e18) ? INT64_MAX : static_cast<int64_t>(instant);
  }
  const double table[] = {-2, 0, 0, 3, /* y */ 5, 1, 2, 8, /* slopes */ -2, kInfinite, 2, 0};
  for (const Simd width : widths()) {
    const Kernels& k = kernels(width);
    k.interpolate(out.data(), x.data(), table, 4, kRows);
    if (width == Simd::v2) first = out;
    for (size_t i = 0; i < kRows; ++i) REQUIRE(same(out[i], first[i]));
    k.gather[0](out.data(), rows.data(), x.data(), kRows);
    for (size_t i = 0; i < kRows; ++i) REQUIRE(same(out[i], rows[i] == UINT32_MAX ? kUnknown : x[rows[i]]));
    k.load[4](out.data(), instants.data(), kRows);
    std::vector<int64_t> back(kRows);
    k.store[4](back.data(), out.data(), kRows);
    REQUIRE(back == instants);
    k.age(out.data(), instants.data(), 5'000'000'000, kRows);
    for (size_t i = 0; i < kRows; ++i)
      REQUIRE(same(out[i],
                   instants[i] == INT64_MAX ? 5.0 : static_cast<double>(5'000'000'000 - instants[i]) / 1e9));
  }
}

TEST_CASE("vm: a sum of products is the same as its products added one by one, at every width") {
  Dice dice(5);
  constexpr size_t kRows = 259;
  for (size_t products = kLeastProducts; products <= kMostProducts; ++products) {
    std::vector<std::vector<double>> in(2 * products, std::vector<double>(kRows));
    std::vector<const double*> pointers;
    for (auto& column : in) {
      for (double& x : column) x = dice.number();
      pointers.push_back(column.data());
    }
    std::vector<double> expected(kRows), out(kRows);
    for (size_t i = 0; i < kRows; ++i) {
      expected[i] = in[0][i] * in[1][i];
      for (size_t k = 1; k < products; ++k) expected[i] = expected[i] + in[2 * k][i] * in[2 * k + 1][i];
    }
    for (const Simd width : widths()) {
      kernels(width).dot[products - kLeastProducts](out.data(), pointers.data(), kRows);
      for (size_t i = 0; i < kRows; ++i) REQUIRE(same(out[i], expected[i]));
    }
  }
}

// --- Random programs ---

constexpr size_t kNumbers = 4, kBooleans = 2, kCodes = 2;

struct RandomPrograms {
  Workbench w;
  std::vector<ColumnId> numbers, booleans, codes;
  std::vector<NodeId> number_nodes, boolean_nodes, code_nodes;
  Dice dice;
  static constexpr double kUniforms[] = {2.25, kUnknown, -40.0};

  explicit RandomPrograms(uint64_t seed) : dice(seed) {
    for (size_t k = 0; k < kNumbers; ++k) numbers.push_back(w.column("x" + std::to_string(k)));
    for (size_t k = 0; k < kBooleans; ++k)
      booleans.push_back(w.column("b" + std::to_string(k), Storage::boolean));
    for (size_t k = 0; k < kCodes; ++k) codes.push_back(w.column("c" + std::to_string(k), Storage::code));
    for (const ColumnId c : numbers) number_nodes.push_back(w.read(c));
    for (const ColumnId c : booleans) boolean_nodes.push_back(w.read(c));
    for (const ColumnId c : codes) code_nodes.push_back(w.read(c));
    for (size_t k = 0; k < std::size(kUniforms); ++k) number_nodes.push_back(w.feed(k));
    for (const double x : {0.0, 1.0, -3.5, kUnknown}) number_nodes.push_back(w.constant(x));
    boolean_nodes.push_back(w.truth(0.5));
    boolean_nodes.push_back(w.op(Op::greater, {w.feed(0), w.feed(2)}));
    code_nodes.push_back(w.constant(1, Type::enumeration_of(EnumId(size_t{0}))));
    for (int k = 0; k < 40; ++k) grow();
  }

  NodeId any(const std::vector<NodeId>& nodes) {
    // Mostly recent ones, so that expressions grow deep.
    return dice.one_in(3) ? nodes[nodes.size() - 1 - dice.below(std::min<size_t>(nodes.size(), 5))]
                          : nodes[dice.below(nodes.size())];
  }
  NodeId number() { return any(number_nodes); }
  NodeId boolean() { return any(boolean_nodes); }

  void grow() {
    static constexpr Op kUnary[] = {Op::negate,      Op::absolute,    Op::sign,
                                    Op::floor,       Op::ceil,        Op::round,
                                    Op::square_root, Op::cube_root,   Op::exponential,
                                    Op::logarithm,   Op::logarithm10, Op::sine,
                                    Op::cosine,      Op::tangent,     Op::arc_sine,
                                    Op::arc_cosine,  Op::arc_tangent, Op::hyperbolic_tangent};
    static constexpr Op kBinary[] = {Op::add,      Op::subtract, Op::multiply, Op::add,
                                     Op::subtract, Op::multiply, Op::divide,   Op::modulo,
                                     Op::minimum,  Op::maximum,  Op::power,    Op::arc_tangent2};
    static constexpr Op kCompare[] = {Op::less,          Op::less_equal, Op::greater,
                                      Op::greater_equal, Op::equal,      Op::not_equal};
    switch (dice.below(8)) {
      case 0:
        number_nodes.push_back(w.op(kUnary[dice.below(std::size(kUnary))], {number()}));
        break;
      case 1:
      case 2:
        number_nodes.push_back(w.op(kBinary[dice.below(std::size(kBinary))], {number(), number()}));
        break;
      case 3:
        boolean_nodes.push_back(w.op(kCompare[dice.below(std::size(kCompare))], {number(), number()}));
        break;
      case 4:
        boolean_nodes.push_back(
            w.op(dice.one_in(2) ? Op::logical_and : Op::logical_or, {boolean(), boolean()}));
        if (dice.one_in(2)) boolean_nodes.push_back(w.op(Op::logical_not, {boolean()}));
        break;
      case 5:
        number_nodes.push_back(w.op(Op::choose, {boolean(), number(), number()}));
        break;
      case 6: {
        boolean_nodes.push_back(w.op(Op::choose, {boolean(), boolean(), boolean()}));
        boolean_nodes.push_back(
            w.op(dice.one_in(2) ? Op::equal : Op::not_equal, {any(code_nodes), any(code_nodes)}));
        boolean_nodes.push_back(dice.one_in(2) ? w.op(Op::known, {boolean()})
                                               : w.op(Op::equal, {boolean(), boolean()}));
        break;
      }
      default: {
        boolean_nodes.push_back(w.op(Op::known, {number()}));
        number_nodes.push_back(w.op(Op::clamp, {number(), number(), number()}));
        number_nodes.push_back(w.op(Op::minimum, {number(), number(), number()}));
        Node curve = w.make(Op::interpolate, {number()});
        curve.number = {-1, 4, 0, 5, 2, -3};
        number_nodes.push_back(w.graph.add(curve));
      }
    }
  }

  /// The value of a node in one row, by the definitions; `row` holds the columns, indexed by ColumnId.
  double naive(NodeId id, const std::vector<double>& row) const {
    const Node& n = w.graph[id];
    double v[3] = {};
    for (size_t k = 0; k < n.args.size(); ++k) v[k] = naive(n.args[k], row);
    const bool boolean_args = !n.args.empty() && w.graph[n.args[0]].type.kind == Kind::boolean;
    const auto is = [&](Kernel kernel) { return defined(kernel, v[0], v[1], v[2], 0); };
    switch (n.op) {
      case Op::constant:
        return n.number[0];
      case Op::column:
        return row[n.column.index()];
      case Op::feed:
        return kUniforms[n.feed.index()];
      case Op::negate:
        return is(Kernel::negate);
      case Op::add:
        return v[0] + v[1];
      case Op::subtract:
        return v[0] - v[1];
      case Op::multiply:
        return v[0] * v[1];
      case Op::divide:
        return v[0] / v[1];
      case Op::modulo:
        return maths::mod(v[0], v[1]);
      case Op::less:
        return is(Kernel::less);
      case Op::less_equal:
        return is(Kernel::less_equal);
      case Op::greater:
        return defined(Kernel::less, v[1], v[0], 0, 0);
      case Op::greater_equal:
        return defined(Kernel::less_equal, v[1], v[0], 0, 0);
      case Op::equal:
        return is(boolean_args ? Kernel::equal_boolean : Kernel::equal);
      case Op::not_equal:
        return is(boolean_args ? Kernel::not_equal_boolean : Kernel::not_equal);
      case Op::logical_not:
        return 1 - v[0];
      case Op::logical_and:
        return std::min(v[0], v[1]);
      case Op::logical_or:
        return std::max(v[0], v[1]);
      case Op::choose:
        return is(n.type.kind == Kind::boolean ? Kernel::choose_boolean : Kernel::choose);
      case Op::known:
        return is(boolean_args ? Kernel::known_boolean : Kernel::known);
      case Op::minimum: {
        const double least = is(Kernel::minimum);
        return n.args.size() == 3 ? defined(Kernel::minimum, least, v[2], 0, 0) : least;
      }
      case Op::maximum:
        return is(Kernel::maximum);
      case Op::absolute:
        return std::fabs(v[0]);
      case Op::sign:
        return is(Kernel::sign);
      case Op::floor:
        return std::floor(v[0]);
      case Op::ceil:
        return std::ceil(v[0]);
      case Op::round:
        return std::round(v[0]);
      case Op::square_root:
        return std::sqrt(v[0]);
      case Op::cube_root:
        return maths::cbrt(v[0]);
      case Op::exponential:
        return maths::exp(v[0]);
      case Op::logarithm:
        return maths::log(v[0]);
      case Op::logarithm10:
        return maths::log10(v[0]);
      case Op::power:
        return maths::pow(v[0], v[1]);
      case Op::sine:
        return maths::sin(v[0]);
      case Op::cosine:
        return maths::cos(v[0]);
      case Op::tangent:
        return maths::tan(v[0]);
      case Op::arc_sine:
        return maths::asin(v[0]);
      case Op::arc_cosine:
        return maths::acos(v[0]);
      case Op::arc_tangent:
        return maths::atan(v[0]);
      case Op::arc_tangent2:
        return maths::atan2(v[0], v[1]);
      case Op::hyperbolic_tangent:
        return maths::tanh(v[0]);
      case Op::clamp:
        return is(Kernel::clamp);
      case Op::interpolate:  // points (−1, 4), (0, 5), (2, −3)
        return std::isnan(v[0]) ? v[0]
               : v[0] <= -1     ? 4
               : v[0] < 0       ? 4 + (v[0] + 1)
               : v[0] < 2       ? 5 + v[0] * -4.0
                                : -3;
      default:
        FAIL(name_of(n.op));
        return 0;
    }
  }

  double load(Tables& t, ColumnId c, size_t row) {
    switch (w.schema.column(w.table, c).storage) {
      case Storage::f64:
        return t.as<double>(w.table, c)[row];
      case Storage::boolean:
        return t.as<uint8_t>(w.table, c)[row] == 2 ? 0.5 : t.as<uint8_t>(w.table, c)[row];
      default:
        return t.as<uint8_t>(w.table, c)[row] == 255 ? kUnknown : t.as<uint8_t>(w.table, c)[row];
    }
  }

  /// Roots into columns that other roots read, and into new ones; each column at most once.
  std::vector<Root> choose_roots() {
    std::vector<Root> roots;
    for (const ColumnId c : numbers) {
      if (dice.one_in(2)) roots.push_back({number(), c});
    }
    for (const ColumnId c : booleans) {
      if (dice.one_in(2)) roots.push_back({boolean(), c});
    }
    if (dice.one_in(2)) roots.push_back({any(code_nodes), codes[0]});
    roots.push_back({number(), w.column("y" + std::to_string(w.schema.table(w.table).columns.size()))});
    roots.push_back({boolean(), w.column("z" + std::to_string(w.schema.table(w.table).columns.size()),
                                         Storage::boolean)});
    for (size_t k = roots.size(); k > 1; --k) std::swap(roots[k - 1], roots[dice.below(k)]);
    return roots;
  }
};

TEST_CASE("vm: random programs equal their evaluation row by row, whatever columns they store into") {
  const uint64_t seed = GENERATE(range(uint64_t{1}, uint64_t{120}));
  INFO("seed " << seed);
  RandomPrograms r(seed);
  const std::vector<Root> roots = r.choose_roots();
  const size_t rows = 1 + r.dice.below(900), first = r.dice.below(rows),
               count = 1 + r.dice.below(rows - first);
  Tables t(r.w.schema, {rows});
  for (size_t i = 0; i < rows; ++i) {
    for (const ColumnId c : r.numbers) t.as<double>(r.w.table, c)[i] = r.dice.number();
    for (const ColumnId c : r.booleans)
      t.as<uint8_t>(r.w.table, c)[i] = static_cast<uint8_t>(r.dice.below(3));
    for (const ColumnId c : r.codes)
      t.as<uint8_t>(r.w.table, c)[i] = r.dice.one_in(4) ? 255 : static_cast<uint8_t>(r.dice.below(3));
  }
  const size_t columns = r.w.schema.table(r.w.table).columns.size();
  std::vector<std::vector<double>> expected(rows, std::vector<double>(columns));
  for (size_t i = 0; i < rows; ++i) {
    for (size_t c = 0; c < columns; ++c) expected[i][c] = r.load(t, ColumnId(c), i);
    if (i < first || i >= first + count) continue;
    const std::vector<double> before = expected[i];
    for (const Root& root : roots) expected[i][root.column.index()] = r.naive(root.node, before);
  }
  Program program = Program::compile(r.w.schema, r.w.graph, r.w.table, roots, {});
  INFO(program.disassemble());
  program.bind(t);
  std::vector<double> uniforms;
  for (const NodeId u : program.uniforms()) uniforms.push_back(r.naive(u, {}));
  program.run({kStart, uniforms}, first, count);
  for (size_t i = 0; i < rows; ++i) {
    for (size_t c = 0; c < columns; ++c) {
      const double actual = r.load(t, ColumnId(c), i);
      if (!same(actual, expected[i][c])) {
        FAIL("row " << i << " of " << r.w.schema.column(r.w.table, ColumnId(c)).name << ": " << actual
                    << ", not " << expected[i][c]);
      }
    }
  }
}

}  // namespace
}  // namespace looptwin::lang::test
