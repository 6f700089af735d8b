// A tank on a node of its own, as the package sparkplug-client makes one: node sparkplug_tank.js PACKAGES PORT.
// On SIGUSR1 it skips a number, as if a message had been lost.
const [packages, port] = process.argv.slice(2);
const client = require(packages + "/node_modules/sparkplug-client").newClient({
  serverUrl: `mqtt://127.0.0.1:${port}`, username: "", password: "", groupId: "hall", edgeNode: "line",
  clientId: "tank-node", version: "spBv1.0"});

let speed = 50;
const metrics = () => [
  {name: "Tank/Level", type: "Float", value: 2.5}, {name: "Tank/Offset", type: "Int8", value: -3},
  {name: "filling", type: "Boolean", value: true}, {name: "Pump/Speed", type: "Int32", value: speed},
  {name: "serial", type: "String", value: "é-1"}, {name: "counter", type: "Int64", value: -4}];

client.on("birth", () => {
  client.publishNodeBirth({timestamp: Date.now(), metrics: [{name: "Node Control/Rebirth", type: "Boolean", value: false}]});
  client.publishDeviceBirth("tank-1", {timestamp: Date.now(), metrics: metrics()});
});
client.on("dcmd", (device, payload) => {
  for (const metric of payload.metrics) {
    if (metric.name !== "Pump/Speed") continue;
    speed = Number(metric.value);
    console.log("speed " + speed);
    client.publishDeviceData(device, {timestamp: Date.now(), metrics: [{name: "Pump/Speed", type: "Int32", value: speed}]});
  }
});
client.on("ncmd", (payload) => {
  if (payload.metrics.some((metric) => metric.name === "Node Control/Rebirth" && metric.value)) client.emit("birth");
});
setInterval(() => client.publishDeviceData("tank-1", {timestamp: Date.now(), metrics: [metrics()[0]]}), 200);
process.on("SIGUSR1", () => { client.seq = (client.seq + 1) % 256; });
