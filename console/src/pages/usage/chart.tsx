import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { usageTexts } from "../../texts/usage.ts";
import { formats } from "../../ui/index.ts";
import styles from "./usage.module.css";

interface ChartProps {
  days: readonly string[];
  values: readonly number[];
  kind: "tokens" | "cost";
}

const HEIGHT = 180;

/** Bars, one a day. The table has the same figures for those who do not see it. */
export default function Chart({ days, values, kind }: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const colours = getComputedStyle(element);
    // A canvas needs a colour as it is computed, and a variable is not.
    const [line, text] = [colours.caretColor, colours.color];
    const short = kind === "tokens" ? formats.tokens : formats.money;
    const axis = { stroke: text, font: "11px system-ui", grid: { show: false }, ticks: { show: false } };
    const plot = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false, range: [-0.5, days.length - 0.5] }, y: { range: (_, __, most) => [0, most || 1] } },
        axes: [
          { ...axis, values: (_, at) => at.map((place) => days[place]?.slice(-2) ?? ""), incrs: [1, 2, 5, 10] },
          { ...axis, size: 56, values: (_, at) => at.map((value) => short(value)) },
        ],
        series: [{}, { stroke: line, fill: line, width: 0, points: { show: false }, ...bars() }],
      },
      [days.map((_, at) => at), [...values]],
      element,
    );
    const watcher = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      plot.destroy();
    };
  }, [days, values, kind]);
  return (
    <div ref={host} className={styles.chart} role="img" aria-label={usageTexts.chart.of(usageTexts.chart[kind])} />
  );
}

function bars() {
  const paths = uPlot.paths.bars?.({ size: [0.7, 28], radius: 0.1 });
  return paths ? { paths } : {};
}
