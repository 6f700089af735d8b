#include "lang/plant.h"

#include "base/check.h"
#include "lang/plant_code.h"
#include "lang/plant_discretise.h"

namespace looptwin::lang {

struct Plant::Body {
  PlantCode code;
  std::vector<double*> phi;    ///< bound columns of code.phi
  std::vector<double*> gamma;  ///< bound columns of code.gamma
  EventStepper events;

  void discretise(size_t first, size_t count);
};

Plant::Plant(std::unique_ptr<Body> body) : body_(std::move(body)) {}
Plant::Plant(Plant&&) noexcept = default;
Plant& Plant::operator=(Plant&&) noexcept = default;
Plant::~Plant() = default;

Result<Plant> Plant::compile(Schema& schema, Graph& graph, const PlantSource& source) {
  Result<PlantCode> code = compile_plant(schema, graph, source);
  if (!code) return tl::unexpected(std::move(code.error()));
  auto body = std::make_unique<Body>();
  body->code = std::move(*code);
  return Plant(std::move(body));
}

void Plant::bind(Memory& memory) {
  PlantCode& code = body_->code;
  code.prepare.bind(memory);
  code.outputs.bind(memory);
  code.advance.bind(memory);
  if (code.events) {
    code.events->advance = &code.advance;
    body_->events.bind(*code.events, code.table, memory);
  }
  const auto pointers = [&](const std::vector<StepColumn>& columns) {
    std::vector<double*> bound;
    for (const StepColumn& c : columns)
      bound.push_back(static_cast<double*>(memory.column(code.table, c.column)));
    return bound;
  };
  body_->phi = pointers(code.phi);
  body_->gamma = pointers(code.gamma);
}

void Plant::prepare(size_t first, size_t count) {
  PlantCode& code = body_->code;
  code.prepare.run({kStart, code.prepare_uniforms}, first, count);
  if (!code.phi.empty()) body_->discretise(first, count);
}

void Plant::Body::discretise(size_t first, size_t count) {
  const size_t n = code.states, m = code.inputs;
  LT_CHECK(phi.size() == code.phi.size(), "a plant is prepared before it is bound");
  Discretisation discretisation(n);
  std::vector<double> a(n * n, 0.0), b(n * m, 0.0), p(n * n), g(n * n);
  for (size_t row = first; row < first + count; ++row) {
    for (size_t k = 0; k < phi.size(); ++k) {
      const StepColumn& c = code.phi[k];
      a[c.state * n + c.other] = c.given ? phi[k][row] : 0.0;
    }
    for (size_t k = 0; k < gamma.size(); ++k) {
      const StepColumn& c = code.gamma[k];
      b[c.state * m + c.other] = c.given ? gamma[k][row] : 0.0;
    }
    discretisation.compute(a, code.step.seconds(), p, g);
    for (size_t k = 0; k < phi.size(); ++k) phi[k][row] = p[code.phi[k].state * n + code.phi[k].other];
    for (size_t k = 0; k < gamma.size(); ++k) {
      const StepColumn& c = code.gamma[k];
      double sum = 0;
      for (size_t j = 0; j < n; ++j) sum += g[c.state * n + j] * b[j * m + c.other];
      gamma[k][row] = sum;
    }
  }
}

void Plant::outputs(const Instant& instant, size_t first, size_t count) const {
  body_->code.outputs.run(instant, first, count);
}

void Plant::start(size_t first, size_t count) const {
  if (body_->code.events) body_->events.start(first, count);
}

std::optional<Crowded> Plant::advance(const Instant& instant, size_t first, size_t count) const {
  if (body_->code.events) return body_->events.advance(*body_->code.events, instant, first, count);
  body_->code.advance.run(instant, first, count);
  return std::nullopt;
}

std::vector<Extent> Plant::extents() const {
  std::vector<Extent> extents = body_->code.advance.extents();
  for (const Extent& extent : body_->code.outputs.extents()) extents.push_back(extent);
  return extents;
}

const std::vector<NodeId>& Plant::uniforms() const {
  const auto& events = body_->code.events;
  return events ? events->resets.back().uniforms() : body_->code.advance.uniforms();
}
Integrator Plant::integrator() const { return body_->code.integrator; }
size_t Plant::operations() const {
  return body_->code.outputs.operations() + body_->code.advance.operations();
}

std::vector<ColumnId> Plant::hidden_columns() const {
  std::vector<ColumnId> columns = body_->code.hoisted;
  if (const auto& events = body_->code.events)
    columns.insert(columns.end(), events->hidden.begin(), events->hidden.end());
  for (const StepColumn& c : body_->code.phi) columns.push_back(c.column);
  for (const StepColumn& c : body_->code.gamma) columns.push_back(c.column);
  return columns;
}

}  // namespace looptwin::lang
