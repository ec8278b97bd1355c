var form = document.getElementById("form");
var result = document.getElementById("result");
var notes = document.getElementById("notes");

function fieldOf(name) { return document.getElementById("f" + PAGE.fields.findIndex(function (f) { return f.name === name; })); }

function readField(field, element) {
  var text = element.value.trim();
  if (text === "") { return { missing: true }; }
  if (field.kind === "category") { return { value: text }; }
  if (!/^[-+]?(\d+([.,]\d*)?|[.,]\d+)$/.test(text)) { return { wrong: true }; }
  return { value: Number(text.replace(",", ".")) };
}

function readForm() {
  var out = { x: {}, missing: [], wrong: [], outside: [] };
  PAGE.fields.forEach(function (field, k) {
    var element = document.getElementById("f" + k), got = readField(field, element);
    element.setAttribute("aria-invalid", got.wrong ? "true" : "false");
    if (got.missing) { out.missing.push(field.label); return; }
    if (got.wrong) { out.wrong.push(field.label); return; }
    out.x[field.name] = got.value;
    if (field.kind === "number" && field.low !== null && (got.value < field.low || got.value > field.high)) {
      out.outside.push(field.label + " (" + got.value + "; training range " + field.low + " to " + field.high + ")");
    }
  });
  return out;
}

function basisValue(piece, x) {
  var value = x[piece.source], out = piece.constant;
  if (piece.levels) { return out + lbpLevel(piece.levels, value); }
  value = lbpNumber(value);
  out += piece.slope * value;
  for (var i = 0; i < piece.knots.length; i++) { out += piece.cubes[i] * lbpCube(value, piece.knots[i]); }
  return out;
}

function lbpInterval(x, horizon) {
  var u = PAGE.uncertainty;
  if (!u) { return null; }
  var k = PAGE.horizons.indexOf(horizon), z = u.basis.map(function (piece) { return basisValue(piece, x); });
  var centre = u.centre[k], variance = u.base[k], n = z.length;
  for (var i = 0; i < n; i++) { for (var j = 0; j < n; j++) { variance += (z[i] - centre[i]) * u.covariance[i][j] * (z[j] - centre[j]); } }
  var half = u.quantile * Math.sqrt(variance), risk = lbpRisk(x, horizon);
  function moved(by) {
    if (PAGE.link === "cloglog") { return -Math.expm1(Math.log1p(-risk) * Math.exp(by)); }
    return 1 / (1 + (1 - risk) / risk * Math.exp(-by));
  }
  return [moved(-half), moved(half)];
}

function percent(risk) {
  var p = 100 * risk;
  return p > 0 && p < 1 ? "under 1 %" : p > 99 && p < 100 ? "over 99 %" : p.toFixed(0) + " %";
}

function line(parent, text, kind) {
  var p = document.createElement("p");
  p.className = kind;
  p.textContent = text;
  parent.appendChild(p);
}

function drawIcons(parent, risk) {
  var space = "http://www.w3.org/2000/svg", svg = document.createElementNS(space, "svg");
  var count = Math.round(100 * risk);
  svg.setAttribute("viewBox", "0 0 200 200");
  svg.setAttribute("class", "icons");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "Of 100 people like this one, about " + count + ": " + PAGE.outcome + "; " + (100 - count) + ": not.");
  for (var i = 0; i < 100; i++) {
    var yes = i < count, shape = document.createElementNS(space, yes ? "rect" : "circle");
    var x = 20 * (i % 10), y = 20 * Math.floor(i / 10);
    if (yes) { shape.setAttribute("x", x + 2); shape.setAttribute("y", y + 2); shape.setAttribute("width", 16); shape.setAttribute("height", 16); shape.setAttribute("rx", 2); }
    else { shape.setAttribute("cx", x + 10); shape.setAttribute("cy", y + 10); shape.setAttribute("r", 7); }
    shape.setAttribute("class", yes ? "yes" : "no");
    svg.appendChild(shape);
  }
  parent.appendChild(svg);
  line(parent, "Of 100 people like this one, about " + count + " (squares): " + PAGE.outcome + ".", "note hint");
}

function update() {
  var read = readForm();
  result.textContent = "";
  notes.textContent = "";
  result.removeAttribute("data-risk");
  var horizon = PAGE.horizons.length > 1 ? Number(document.getElementById("horizon").value) : PAGE.horizons[0];
  if (read.wrong.length) { line(notes, "Not a number: " + read.wrong.join(", ") + ".", "note warn"); }
  if (read.missing.length || read.wrong.length) {
    if (read.missing.length) { line(result, "Still to fill in: " + read.missing.join(", ") + ".", "note"); }
    return;
  }
  var risk = lbpRisk(read.x, horizon), interval = lbpInterval(read.x, horizon);
  if (!isFinite(risk)) { line(result, "No risk is known for these values.", "note warn"); return; }
  result.setAttribute("data-risk", String(risk));
  line(result, percent(risk), "risk");
  line(result, PAGE.outcome + " by " + horizon + (PAGE.timeUnit ? " " + (horizon === 1 ? PAGE.timeUnit.replace(/^(day|week|month|year)s$/, "$1") : PAGE.timeUnit) : ""), "note");
  if (interval) {
    result.setAttribute("data-low", String(interval[0]));
    result.setAttribute("data-high", String(interval[1]));
    line(result, PAGE.confidence + " interval of the model: " + percent(interval[0]) + " to " + percent(interval[1]) + ". It tells how well the model knows this risk, not what will happen to one person.", "note hint");
  } else {
    line(result, "No interval is known for this model.", "note hint");
  }
  PAGE.thresholds.forEach(function (t) {
    line(result, (risk >= t ? "At or above" : "Below") + " the threshold of " + percent(t) + ".", "note");
  });
  drawIcons(result, risk);
  read.outside.forEach(function (text) { line(notes, "Outside the training range: " + text + ". The risk is an extrapolation.", "note warn"); });
}

form.addEventListener("input", update);
form.addEventListener("change", update);
form.addEventListener("submit", function (event) { event.preventDefault(); });
form.addEventListener("reset", function () { window.setTimeout(update, 0); });
document.getElementById("print").addEventListener("click", function () { window.print(); });
update();
