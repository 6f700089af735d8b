// Random programs against a row-by-row evaluation, whatever columns they store into.
#include <algorithm>
#include <catch2/catch.hpp>

#include "base/maths.h"
#include "lang/program.h"
#include "tests/lang/dice.h"
#include "tests/lang/kernel_definitions.h"

namespace looptwin::lang::test {
namespace {

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
