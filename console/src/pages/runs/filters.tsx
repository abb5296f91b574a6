import { useCrews } from "../../api/crew-names.ts";
import { runsTexts } from "../../texts/runs.ts";
import { statusTexts } from "../../texts/status.ts";
import { ComboBox, Select } from "../../ui/index.ts";
import { type Filters, type RunStatus, SPANS, STATUSES } from "./model.ts";
import styles from "./runs.module.css";

const ANY = "any";

/** What of the runs is shown. It is in the address, so that it can be sent to others. */
export function RunFilters({ filters, onChange }: { filters: Filters; onChange: (filters: Filters) => void }) {
  const crews = useCrews().data ?? [];
  const known =
    filters.crew && !crews.some((crew) => crew.id === filters.crew) ? [{ id: filters.crew, name: filters.crew }] : [];
  return (
    <search className={styles.filters}>
      <Select
        label={runsTexts.status}
        selectedKey={filters.status ?? ANY}
        onSelectionChange={(key) => onChange({ ...filters, status: key === ANY ? undefined : (key as RunStatus) })}
        options={[{ id: ANY, text: runsTexts.anyStatus }, ...STATUSES.map((id) => ({ id, text: statusTexts[id] }))]}
      />
      <ComboBox
        label={runsTexts.crew}
        placeholder={runsTexts.anyCrew}
        selectedKey={filters.crew ?? null}
        onSelectionChange={(key) =>
          onChange({ ...filters, crew: key === null || key === ANY ? undefined : String(key) })
        }
        defaultItems={[
          { id: ANY, text: runsTexts.anyCrew },
          ...[...known, ...crews].map(({ id, name }) => ({ id, text: name })),
        ]}
        options={[
          { id: ANY, text: runsTexts.anyCrew },
          ...[...known, ...crews].map(({ id, name }) => ({ id, text: name })),
        ]}
      />
      <Select
        label={runsTexts.since}
        selectedKey={filters.since ?? ANY}
        onSelectionChange={(key) => onChange({ ...filters, since: key === ANY ? undefined : String(key) })}
        options={[
          { id: ANY, text: runsTexts.anyTime },
          ...Object.keys(SPANS).map((id) => ({ id, text: runsTexts.spans[id]! })),
        ]}
      />
    </search>
  );
}
