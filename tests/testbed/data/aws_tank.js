// A tank as a thing of AWS IoT, by Amazon's own kit: node aws_tank.js PACKAGES PORT CERTIFICATES.
// It says what becomes of what it reports, and what it is told.
const [packages, port, certificates] = process.argv.slice(2);
const shadows = require(packages + "/node_modules/aws-iot-device-sdk").thingShadow({
  host: "localhost", port: Number(port), clientId: "tank-1", keyPath: `${certificates}/thing.key`,
  certPath: `${certificates}/thing.pem`, caPath: `${certificates}/ca.pem`});

const report = (state) => shadows.update("tank-1", {state: {reported: state}});
let known = false;
shadows.on("connect", () => shadows.register("tank-1", {}, () => shadows.get("tank-1")));
shadows.on("status", (thing, status, token, answer) => {
  console.log("status " + status + (status === "rejected" ? " " + answer.code : ""));
  if (known) return;
  known = true;
  report({level: 8, offset: -3, filling: true, speed: 50});
});
shadows.on("delta", (thing, answer) => {
  console.log("delta " + JSON.stringify(answer.state));
  report(answer.state);
});
