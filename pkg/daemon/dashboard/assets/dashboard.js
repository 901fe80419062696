// What the pages do beyond what htmx does by their attributes: stop and go on following, say when nobody answers, and draw the charts that can be read off.
"use strict";
(() => {
  const lost = document.getElementById("lost");
  const live = document.getElementById("live");
  let following = sessionStorage.getItem("following") !== "no";
  let since = null;

  // A page that nobody sees asks for nothing.
  document.addEventListener("htmx:before:request", (e) => {
    if (e.detail.ctx.sourceElement === live && (!following || document.hidden)) e.preventDefault();
  });

  // Only a frame is taken over: whoever was signed out gets the whole page, which asks for a token.
  document.addEventListener("htmx:before:response", (e) => {
    const response = e.detail.ctx.response.raw;
    if (e.detail.ctx.sourceElement !== live) return;
    if (response.ok && response.headers.get("X-Datagravity-Frame")) {
      since = null;
      lost.hidden = true;
      return;
    }
    e.preventDefault();
    if (response.redirected || response.status === 401 || response.status === 403) location.reload();
    else missed();
  });
  document.addEventListener("htmx:error", missed);
  document.addEventListener("htmx:after:swap", begin);

  function missed() {
    since ??= new Date();
    lost.textContent = "No answer since " + since.toLocaleTimeString() + ". What is shown is from before; it is asked for again.";
    lost.hidden = false;
  }

  function begin() {
    const button = document.getElementById("follow");
    if (button && button.hidden) {
      button.hidden = false;
      button.addEventListener("click", () => {
        following = !following;
        sessionStorage.setItem("following", following ? "yes" : "no");
        shown(button);
      });
    }
    if (button) shown(button);
    for (const figure of document.querySelectorAll("figure[data-chart]")) chart(figure);
  }

  function shown(button) {
    button.setAttribute("aria-pressed", following);
    button.textContent = following ? "Live" : "Stopped";
  }

  // Charts. The server has drawn each of them already; this one has a cursor that says the numbers.
  const drawn = new WeakMap();

  function chart(figure) {
    if (typeof uPlot === "undefined" || !figure.dataset.json) return;
    const box = figure.querySelector(".plot");
    const json = figure.dataset.json;
    let state = drawn.get(box);
    if (state && state.json === json) return;
    const data = JSON.parse(json);
    const made = figure.dataset.chart === "burn" ? burn(data) : throughput(data);
    const shape = made.series.map((s) => s.label).join("\n");
    if (state && state.shape === shape) {
      state.json = json;
      state.plot.setData(made.data);
      return;
    }
    if (state) state.plot.destroy();
    box.replaceChildren();
    const plot = new uPlot(options(box, made), made.data, box);
    drawn.set(box, { json, shape, plot });
    if (!state) {
      new ResizeObserver(() => {
        const now = drawn.get(box);
        if (now && box.clientWidth && now.plot.width !== box.clientWidth) now.plot.setSize({ width: box.clientWidth, height: height });
      }).observe(box);
    }
  }

  const height = 214;
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function options(box, made) {
    const axis = { stroke: color("--soft"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false }, font: "11px " + getComputedStyle(document.body).fontFamily };
    return {
      width: box.clientWidth, height, series: made.series, scales: made.scales, padding: [8, 22, 0, 0],
      axes: [
        { ...axis, size: 26, space: 70, grid: { show: false }, values: (_, list) => list.map((v) => made.time(v)) },
        { ...axis, size: 74, values: (_, list) => list.map(made.value), splits: made.splits },
      ],
      cursor: { y: false, points: { size: 6 } },
      tzDate: (unix) => uPlot.tzDate(new Date(unix * 1e3), "Etc/UTC"),
      // Where nobody points, the legend has the latest numbers.
      hooks: { ready: [(u) => latest(u, made)], setData: [(u) => latest(u, made)], setCursor: [(u) => { if (u.cursor.idx == null) latest(u, made); }] },
    };
  }

  const latest = (u, made) => u.setLegend({ idx: made.last(u.data) }, false);
  const say = (layout) => { const f = uPlot.fmtDate(layout); return (v) => f(uPlot.tzDate(new Date(v * 1e3), "Etc/UTC")); };
  const when = (layout) => { const f = uPlot.fmtDate(layout); return (_, v) => (v == null ? "—" : f(uPlot.tzDate(new Date(v * 1e3), "Etc/UTC"))); };

  function throughput(data) {
    const top = Math.max(1024, ...data.series.flat());
    return {
      data: [data.x, ...data.series],
      series: [
        { label: "UTC", value: when("{HH}:{mm}:{ss}") },
        ...data.names.map((label, i) => ({ label, stroke: color("--" + data.colors[i]), width: 1.75, points: { show: false }, value: (_, v) => (v == null ? "—" : bytes(v) + "/s") })),
      ],
      scales: { y: { range: [0, top * 1.08] } },
      time: say("{HH}:{mm}"),
      last: (d) => d[0].length - 1,
      value: (v) => bytes(v) + "/s",
      splits: () => even(top * 1.08, 1024),
    };
  }

  function burn(data) {
    const money = data.unit === "usd";
    const top = Math.max(money ? 0.01 : 1024, ...data.left.filter((v) => v != null));
    const told = (v) => (v == null ? "—" : money ? dollars(v) : bytes(v));
    return {
      data: [data.x, data.left, data.forecast],
      series: [
        { label: "UTC", value: when("{D} {MMM} {HH}:{mm}") },
        { label: "left", stroke: color("--orbit"), fill: color("--orbit") + "24", width: 1.75, points: { show: false }, value: (_, v) => told(v) },
        { label: "at this pace", stroke: color("--held"), dash: [5, 4], width: 1.75, points: { show: false }, spanGaps: true, value: (_, v) => told(v) },
      ],
      scales: { y: { range: [0, top * 1.08] } },
      time: data.x[data.x.length - 1] - data.x[0] > 2 * 86400 ? say("{D} {MMM}") : say("{HH}:{mm}"),
      last: (d) => Math.max(0, d[1].findLastIndex((v) => v != null)),
      value: told,
      splits: () => even(top * 1.08, money ? 1 : 1024),
    };
  }

  // Three or four round marks up to top.
  function even(top, base) {
    let unit = 1;
    if (base === 1024) while (top / unit >= 1024) unit *= 1024;
    const rough = top / unit / 4;
    const ten = 10 ** Math.floor(Math.log10(rough));
    const step = unit * ten * [1, 2, 2.5, 5, 10].find((m) => m * ten >= rough);
    const list = [];
    for (let v = 0; v <= top; v += step) list.push(v);
    return list;
  }

  function bytes(v) {
    const names = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let i = 0;
    while (v >= 999.5 && i < names.length - 1) { v /= 1024; i++; }
    return Number(v.toPrecision(3)) + " " + names[i];
  }

  function dollars(v) {
    if (v !== 0 && Math.abs(v) < 1) return "$" + Number(v.toPrecision(2));
    return "$" + v.toLocaleString("en-US", { minimumFractionDigits: Number.isInteger(v) ? 0 : 2, maximumFractionDigits: 2 });
  }

  // Colours of a canvas are those of the moment that it was drawn in.
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const figure of document.querySelectorAll("figure[data-chart]")) {
      const box = figure.querySelector(".plot");
      const state = drawn.get(box);
      if (state) { state.json = ""; state.shape = ""; }
      chart(figure);
    }
  });

  begin();
})();
