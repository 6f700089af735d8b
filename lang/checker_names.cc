// What names mean: columns, constants, relations, feeds; and what to write for a name that means nothing
// here.
#include <fmt/format.h>

#include "base/check.h"
#include "base/text.h"
#include "lang/elaborate.h"

namespace looptwin::lang {
namespace {

std::string quoted_list(const std::vector<std::string>& words, size_t most) {
  std::string out;
  for (size_t i = 0; i < words.size() && i < most; ++i) out += (i ? ", " : "") + words[i];
  return words.size() > most ? out + ", …" : out;
}

/// What makes one value of a set's: points cannot be added.
const char* aggregate_for(const Type& type) {
  return type.kind == Kind::boolean ? "any" : type.kind == Kind::number && type.point ? "avg" : "sum";
}

}  // namespace

const Scope& Elaborator::scope_of(TableId table) const {
  static const Scope kNothing;
  if (table.valid())
    return table.index() < scopes_.of_table.size() ? scopes_.of_table[table.index()] : kNothing;
  for (const auto& scope : scopes_.of_table)
    if (!scope.table.valid()) return scope;
  return kNothing;
}

Term Elaborator::name(const Ast& ast, Reading reading) {
  return symbol(ast, table_, ast.text, reading, nullptr);
}

Term Elaborator::member(const Ast& ast, Reading reading) {
  const Ast& left = ast.arg(0);
  const auto base = evaluate(left);
  switch (base.is) {
    case Term::Is::error:
      return base;
    case Term::Is::reference:
      return symbol(ast, base.at, ast.text, reading, &base);
    case Term::Is::feed:
      break;
    default:
      return fail(ast, fmt::format("`{}` is a value and has no '{}'", written(left), ast.text),
                  "only relations and feeds have parts: block.limit, weather.temperature");
  }
  std::vector<std::string> signals;
  for (size_t i = 0; i < schema_.feeds.size(); ++i) {
    const auto& signal = schema_.feeds[i];
    if (signal.feed != base.word) continue;
    if (signal.name != ast.text) {
      signals.push_back(signal.name);
      continue;
    }
    if (reading != Reading::value)
      return fail(ast, fmt::format("`{}` is a feed: it has one value only", written(ast)),
                  "write it without a function");
    Term term;
    term.is = Term::Is::number;
    term.ast = &ast;
    term.type = signal.type;
    term.unit = signal.unit;
    Node feed = node(Op::feed, signal.type);
    feed.feed = FeedId(i);
    term.node = add(std::move(feed), ast);
    return term;
  }
  const auto near = nearest(ast.text, signals);
  return fail(ast, fmt::format("the feed {} has no signal '{}'", base.word, ast.text),
              near.empty() ? fmt::format("it has {}", signals.empty() ? "none" : quoted_list(signals, 12))
                           : fmt::format("did you mean {}.{}?", base.word, near));
}

Term Elaborator::read(const Ast& ast, Reading reading) {
  if (ast.kind == Ast::Kind::name) return name(ast, reading);
  if (ast.kind == Ast::Kind::member) return member(ast, reading);
  static constexpr std::string_view kOf[] = {"", "desired", "default", "truth", "age", "quality"};
  return fail(ast, fmt::format("{}() takes a name, not an expression", kOf[static_cast<int>(reading)]),
              fmt::format("write {}(x) around each name", kOf[static_cast<int>(reading)]));
}

// A name of a table, reached from the row directly or through the relations in `base`.
Term Elaborator::symbol(const Ast& ast, TableId table, std::string_view name, Reading reading,
                        const Term* base) {
  const auto& scope = scope_of(table);
  const auto it = scope.names.find(std::string(name));
  if (it == scope.names.end()) return unknown_name(ast, scope, name, base);
  const auto& symbol = it->second;
  Term term;
  term.ast = &ast;
  if (base) term.set = base->set;
  switch (symbol.is) {
    case Symbol::Is::feed_root:
      if (base) return unknown_name(ast, scope, name, base);
      term.is = Term::Is::feed;
      term.word = it->first;
      return term;
    case Symbol::Is::constant:
      term.is = Term::Is::number;
      term.set = {};
      term.type = symbol.type;
      term.node = constant(symbol.value, symbol.type, ast);
      return term;
    case Symbol::Is::node:
      LT_CHECK(symbol.node.valid() && symbol.node.index() < graph_.size(), it->first);
      if (base) return fail(ast, fmt::format("`{}` cannot be read from another table", name), symbol.note);
      if (reading != Reading::value)
        return fail(ast, fmt::format("`{}` has one value only", name), "write it without a function");
      term.is = Term::Is::number;
      term.type = symbol.type;
      term.node = symbol.node;
      if (const auto& node = graph_[symbol.node]; node.op == Op::feed)
        term.unit = schema_.feeds[node.feed.index()].unit;
      return term;
    case Symbol::Is::relation: {
      LT_CHECK(table.valid() && symbol.relation.index() < schema_.table(table).relations.size(), it->first);
      const auto& relation = schema_.table(table).relations[symbol.relation.index()];
      term.is = Term::Is::reference;
      term.at = relation.to;
      if (base) term.beyond = base->beyond;
      if (relation.many && term.set.is_set())
        return fail(ast, fmt::format("`{}` is a set within a set", written(ast)),
                    fmt::format("aggregate twice, as in sum({}, sum({}.x))", written(ast.arg(0)), name));
      if (relation.many) {
        term.set.many = symbol.relation;
      } else if (term.set.is_set()) {
        term.beyond.push_back(symbol.relation);
      } else {
        term.set.to_one.push_back(symbol.relation);
      }
      return term;
    }
    case Symbol::Is::column:
      break;
  }
  auto value = column(ast, table, symbol, it->first, reading);
  return base && value.ok() ? reach(ast, *base, std::move(value)) : value;
}

Term Elaborator::column(const Ast& ast, TableId table, const Symbol& symbol, std::string_view name,
                        Reading reading) {
  LT_CHECK(table.valid(), "a column without a table: " + std::string(name));
  const auto say_instead = [&](std::string_view fallback) {
    return symbol.note.empty() ? std::string(fallback) : symbol.note;
  };
  ColumnId id = symbol.column;
  switch (reading) {
    case Reading::value:
      if (!id.valid()) return fail(ast, fmt::format("`{}` cannot be read here", name), symbol.note);
      break;
    case Reading::desired:
      id = symbol.desired;
      if (!id.valid())
        return fail(ast, fmt::format("`{}` is no setpoint: nothing is desired of it", name),
                    say_instead("write it alone"));
      break;
    case Reading::fallback:
      id = symbol.fallback;
      if (!id.valid())
        return fail(ast, fmt::format("`{}` is no setpoint: it has no default", name),
                    say_instead("write it alone"));
      break;
    case Reading::truth:
      if (!scopes_.truth_allowed)
        return fail(ast, "truth() is only for tests and requirements: rules see what was reported",
                    fmt::format("write {}", name));
      id = symbol.truth;
      if (!id.valid())
        return fail(ast, fmt::format("`{}` has no true value to compare with", name),
                    say_instead("write it alone"));
      break;
    case Reading::sampled:
      if (!symbol.sampled.valid())
        return fail(ast, fmt::format("`{}` is never sampled: it has no age", name),
                    say_instead("age() takes a telemetry field"));
      break;
    case Reading::quality:
      id = symbol.quality;
      if (!id.valid())
        return fail(ast, fmt::format("`{}` is no telemetry field: it has no quality", name),
                    say_instead(fmt::format("write known({})", name)));
      break;
  }
  Term term;
  term.is = Term::Is::number;
  term.ast = &ast;
  term.type = reading == Reading::quality ? schema_.column(table, id).type : symbol.type;
  term.unit = schema_.column(table, id).unit;
  term.symbol = &symbol;
  term.symbol_table = table;
  Node column = node(Op::column, term.type);
  column.table = table;
  column.column = id;
  term.node = add(std::move(column), ast);
  if (reading == Reading::sampled) {
    Node age = node(Op::age, Type::number(kTimeDimension), {term.node});
    age.column = symbol.sampled;
    term.node = add(std::move(age), ast);
    term.type = Type::number(kTimeDimension);
    term.unit = Unit{"s", term.type, 1, 0};
  }
  return term;
}

// Brings a value of the table that `base` reached to the row (or, of a set, to its members).
Term Elaborator::reach(const Ast& ast, const Term& base, Term value) {
  const auto walk = [&](TableId from, const std::vector<RelationId>& relations) {
    std::vector<TableId> tables{from};
    for (const RelationId id : relations)
      tables.push_back(schema_.table(tables.back()).relations[id.index()].to);
    return tables;
  };
  const auto wrap = [&](const std::vector<TableId>& tables, const std::vector<RelationId>& relations) {
    for (size_t i = relations.size(); i-- > 0;) {
      Node related = node(Op::related, value.type, {value.node});
      related.table = tables[i];
      related.relation = relations[i];
      value.node = add(std::move(related), ast);
    }
  };
  const auto tables = walk(table_, base.set.to_one);
  if (base.set.is_set()) {
    const auto member = schema_.table(tables.back()).relations[base.set.many.index()].to;
    wrap(walk(member, base.beyond), base.beyond);
    value.set = base.set;
  } else {
    wrap(tables, base.set.to_one);
  }
  return value;
}

// A relation or a feed where a value is wanted.
Term Elaborator::misplaced(const Ast& ast, const Term& value) {
  if (value.is == Term::Is::feed) {
    std::string signal = "temperature";
    for (const auto& feed : schema_.feeds)
      if (feed.feed == value.word) signal = feed.name;
    return fail(ast, fmt::format("`{}` is a feed", value.word),
                fmt::format("write one of its signals, as {}.{}", value.word, signal));
  }
  if (value.is != Term::Is::reference) return value;
  std::string column = "x";
  for (const auto& [name, symbol] : scope_of(value.at).names) {
    if (symbol.is != Symbol::Is::column || symbol.type.kind != Kind::number || !symbol.column.valid())
      continue;
    column = name;
    break;
  }
  const auto& table = schema_.table(value.at).name;
  if (value.set.is_set())
    return fail(ast, fmt::format("`{}` is a set of {}, not a value", written(ast), table),
                fmt::format("write one value of it, as sum({0}.{1}) or count({0})", written(ast), column));
  return fail(ast, fmt::format("`{}` is a {}, not a value", written(ast), table),
              fmt::format("write one of its values, as {}.{}", written(ast), column));
}

std::string Elaborator::to_write_of_set(const Term& value) const {
  const auto text = written(*value.ast);
  return value.type.kind == Kind::boolean
             ? fmt::format("write all({0}), any({0}) or count({0})", text)
             : fmt::format("write {1}avg({0}), min({0}) or max({0})", text,
                           value.type.point ? "" : fmt::format("sum({}), ", text));
}

Term Elaborator::unknown_name(const Ast& ast, const Scope& scope, std::string_view name, const Term* base) {
  const std::string word(name);
  const auto begin = base ? ast.end - static_cast<uint32_t>(name.size()) : ast.begin;
  const auto say = [&](std::string message, std::string hint) {
    return fail(begin, ast.end, std::move(message), std::move(hint));
  };
  if (const auto hint = scope.hints.find(word); hint != scope.hints.end())
    return say(fmt::format("'{}' is not visible here", name), hint->second);
  const auto message = base ? fmt::format("{} has no '{}'", schema_.table(base->at).name, name)
                            : fmt::format("'{}' is not known here", name);
  // A name of a related table is reached through the relation.
  std::vector<std::string> names;
  std::string related;
  for (const auto& [known, symbol] : scope.names) {
    names.push_back(known);
    if (symbol.is != Symbol::Is::relation || !scope.table.valid()) continue;
    const auto& relation = schema_.table(scope.table).relations[symbol.relation.index()];
    const auto& there = scope_of(relation.to).names;
    const auto found = there.find(word);
    if (found == there.end()) continue;
    related += related.empty() ? "write " : " or ";
    related += relation.many ? fmt::format("{}({}.{})", aggregate_for(found->second.type), known, name)
                             : fmt::format("{}.{}", known, name);
  }
  if (!related.empty() && !base) return say(message, related);
  if (const auto near = nearest(name, names); !near.empty())
    return say(message, fmt::format("did you mean '{}'?", near));
  for (const auto& enumeration : schema_.enumerations)
    for (const auto& entry : enumeration.words)
      if (entry == name) return say(message, fmt::format("write \"{}\" with quotes", name));
  if (const auto usage = usage_of(name); !usage.empty() && !base)
    return say(message, fmt::format("write {}", usage));
  if (name == "True" || name == "TRUE") return say(message, "write true");
  if (name == "False" || name == "FALSE") return say(message, "write false");
  const auto unit = units_.unit({source_, begin, ast.end});
  if (unit && !base)
    return say(
        message,
        fmt::format("as a unit it follows a number, as 1 {0}, and without spaces in a compound, as W/{0}",
                    name));
  return say(message,
             names.empty() ? "no names are known here" : fmt::format("known are {}", quoted_list(names, 12)));
}

}  // namespace looptwin::lang
