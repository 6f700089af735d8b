// What a gas network is made of: plain values in SI units, names for identities. GasNetwork::make checks them
// and builds the plant; gas_network_file.h reads them from files. docs/plants/gas-network.md has the
// equations.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace looptwin::sim {

/// An isothermal gas: ρ(p) = p (b1 + b2 p) / a². b1 = 1 and b2 = 0 make it ideal.
struct GasConfig {
  double a_squared = 0;          ///< a² = Z R T / M, m²/s²
  double b1 = 1;                 ///< > 0
  double b2 = 0;                 ///< 1/Pa, ≥ 0
  double heat_ratio = 1.3;       ///< γ = cp/cv, > 1: orifices and compressors
  double viscosity = 1.1e-5;     ///< dynamic, Pa s; natural gas at 60 bar, for friction laws that ask for Re
  double temperature = 288.706;  ///< K; only cp T of compressors asks for it
  double specific_heat = 0;      ///< cp, J/kg/K; 0: the ideal gas's a² γ / ((γ - 1) T)
  double ambient = 101325;       ///< Pa, what holes blow against
  Span span{};
};

/// a² = 8.314 T / (0.02896 G), G being the gravity relative to air: as Gyrya and Zlotnik (2019) and
/// GasTranSim have it.
GasConfig ideal_gas(double temperature, double gravity);
/// The California Natural Gas Association's compressibility in pascals and kelvins (Menon, Gas Pipeline
/// Hydraulics, 1.32): b2 = 344400 · 10^(1.785 G) / (6894.75729 (1.8 T)^3.825), b1 = 1 + 101350 b2.
GasConfig cnga_gas(double temperature, double gravity);

/// Darcy's friction factor of a pipe.
enum class FrictionLaw : uint8_t {
  fixed,        ///< as given
  nikuradse,    ///< fully rough: 1/√λ = 2 log10(D/k) + 1.138 (Nikuradse 1933)
  shifrinson,   ///< fully rough: λ = 0.11 (k/D)^¼ (Shifrinson), morgen's default
  hofer,        ///< 1/√λ = -2 log10(4.518/Re log10(Re/7) + k/(3.71 D)) (Hofer 1973)
  swamee_jain,  ///< 1/√λ = -2 log10(k/(3.7 D) + 5.74/Re^0.9) (Swamee and Jain 1976)
  chen,         ///< Chen (1979), Ind. Eng. Chem. Fundam. 18, 296
};

struct GasNodeConfig {
  std::string name;
  double height = 0;    ///< m
  double volume = 0.1;  ///< of pipework that is not in pipes, m³; > 0: every node stores gas
  Span span{};
};
struct GasPipeConfig {
  std::string name, from, to;
  double length = 0, diameter = 0;  ///< m
  FrictionLaw law = FrictionLaw::fixed;
  double friction = 0.01;   ///< Darcy's λ, for `fixed`
  double roughness = 1e-5;  ///< k, m, for the other laws
  Span span{};
};

enum class CompressorMode : uint8_t { ratio, discharge_pressure, flow };
/// A station from suction to discharge with a check valve: gas never goes back. It never throttles (its least
/// ratio is 1), and boosts as far as `most_ratio` and `most_power` allow.
struct GasCompressorConfig {
  std::string name, from, to;
  CompressorMode mode = CompressorMode::ratio;
  double ratio = 1;               ///< p_out / p_in, for `ratio`
  double discharge_pressure = 0;  ///< Pa, for `discharge_pressure`
  double flow = 0;                ///< kg/s, for `flow`
  bool running = true;
  double most_ratio = 3;
  double most_power = 1e12;  ///< of the driver, W
  double efficiency = 0.8;   ///< isentropic
  /// The surge line: the least volume flow at suction, m³/s, is surge_flow + surge_slope · H, H being the
  /// isentropic head in J/kg. Below it the machine recycles, or trips after trip_delay.
  double surge_flow = 0, surge_slope = 0;
  bool recycles = true;
  Duration trip_delay = seconds(5);
  Duration ramp{};  ///< from standstill to full ratio, and back; 0 acts at once
  Span span{};
};

enum class GasValveKind : uint8_t { valve, check_valve, short_pipe };
struct GasValveConfig {
  std::string name, from, to;
  GasValveKind kind = GasValveKind::valve;
  double diameter = 0;  ///< of the bore, m
  double loss = 0.2;    ///< ζ when fully open: Δp = ζ ρ v² / 2
  double opening = 1;   ///< at the start, 0 … 1 of the bore's area
  Duration travel{};    ///< from open to closed; 0 acts at once
  Span span{};
};

/// Gives the node a pressure, or feeds a flow into it.
struct GasSupplyConfig {
  enum class Kind : uint8_t { pressure, flow };
  std::string name, node;
  Kind kind = Kind::pressure;
  double value = 0;  ///< Pa, or kg/s ≥ 0
  Span span{};
};
/// Takes min(1, p / least_pressure) of `flow`: a customer gets less when the pressure is low, never suction.
struct GasDemandConfig {
  std::string name, node;
  double flow = 0;              ///< kg/s, ≥ 0
  double least_pressure = 1e5;  ///< Pa, > 0
  Span span{};
};
/// A place on a pipe where gas may get out: a hole (opened by its port), a known flow, or both.
struct GasLeakConfig {
  std::string name, pipe;
  double position = 0;     ///< from the pipe's `from` end, m
  double discharge = 0.8;  ///< Cd of the hole
  double area = 0;         ///< of the hole at the start, m²
  Span span{};
};
/// A place on a pipe where pressure and flow are read.
struct GasGaugeConfig {
  std::string name, pipe;
  double position = 0;  ///< m
  Span span{};
};

struct GasNetworkConfig {
  GasConfig gas;
  std::vector<GasNodeConfig> nodes;
  std::vector<GasPipeConfig> pipes;
  std::vector<GasCompressorConfig> compressors;
  std::vector<GasValveConfig> valves;
  std::vector<GasSupplyConfig> supplies;
  std::vector<GasDemandConfig> demands;
  std::vector<GasLeakConfig> leaks;
  std::vector<GasGaugeConfig> gauges;
  /// Pipes are cut into equal cells of at least this length, m; shorter pipes are resistances without
  /// inertia, their gas standing at their ends. The step is courant · cell / a.
  double cell = 1000;
  double courant = 0.9;  ///< in (0, 1)
  Span span{};
};

}  // namespace looptwin::sim
