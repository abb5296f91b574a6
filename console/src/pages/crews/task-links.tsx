import { ListField } from "../../forms/list-field.tsx";
import { fieldOf } from "../../forms/schema.ts";
import { crewTexts } from "../../texts/crews.ts";
import { useBound } from "./bound.tsx";
import { useEditor } from "./editor-state.ts";
import { entriesOf } from "./model.ts";

/** The tasks whose outputs this one reads, and texts that it is given. */
export function ContextField({ index }: { index: number }) {
  const { crew } = useEditor();
  const path = ["tasks", index, "context"];
  const bound = useBound(path);
  const earlier = namesOf(crew).slice(0, index);
  return (
    <div data-path={path.join(".")}>
      <ListField
        label={crewTexts.buildsOn}
        description={crewTexts.buildsOnHelp}
        {...bound}
        options={earlier.filter((name): name is string => !!name).map(option)}
      />
    </div>
  );
}

/** The tasks that must be done first. */
export function DependsOnField({ index }: { index: number }) {
  const { crew } = useEditor();
  const path = ["tasks", index, "depends_on"];
  const bound = useBound(path);
  const others = namesOf(crew).filter((name, at): name is string => !!name && at !== index);
  const spec = fieldOf("TaskDraft", "depends_on");
  return (
    <div data-path={path.join(".")}>
      <ListField
        label={crewTexts.waitsFor}
        description={spec.description}
        {...bound}
        options={others.map(option)}
        only
        faultOf={(name) =>
          others.includes(name) || /^\d+$|^task_/.test(name) ? undefined : crewTexts.noSuchTask(name)
        }
      />
    </div>
  );
}

function namesOf(crew: Record<string, unknown>): (string | undefined)[] {
  return entriesOf(crew, "tasks").map(({ name }) => (typeof name === "string" && name ? name : undefined));
}

function option(name: string) {
  return { id: name, text: name };
}
