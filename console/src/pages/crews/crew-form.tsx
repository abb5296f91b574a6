import { useState } from "react";
import { fieldOf, fieldsOf } from "../../forms/schema.ts";
import { crewTexts } from "../../texts/crews.ts";
import { Button, Field, icons, Select } from "../../ui/index.ts";
import { Bound, BoundBy, useBound } from "./bound.tsx";
import styles from "./editor.module.css";
import { useEditor } from "./editor-state.ts";
import { EntryCard } from "./entry-card.tsx";
import { GuardrailField } from "./guardrail-field.tsx";
import {
  agentNames,
  type Entry,
  entriesOf,
  isEntry,
  withAgentField,
  withEntry,
  withoutAgent,
  withoutTask,
  withTaskName,
} from "./model.ts";
import { ContextField, DependsOnField } from "./task-links.tsx";

/** The crew as a form. Its fields, limits and help are those of the API's reference. */
export function CrewForm() {
  const { crew, reading } = useEditor();
  const managed = crew.process === "hierarchical";
  const configuration = fieldsOf("ConfigurationDraft").filter((field) => !field.name.startsWith("manager_"));
  return (
    <div className={styles.form}>
      {reading.fault && (
        <p className={styles.waits} role="status">
          {crewTexts.formWaits(reading.fault.line)}
        </p>
      )}
      <section className={styles.part} aria-label={crewTexts.about}>
        <BoundBy schema="CrewDraft" name="name" path={[]} />
        <BoundBy schema="CrewDraft" name="description" path={[]} rows={2} />
        <BoundBy schema="CrewDraft" name="process" path={[]} description={crewTexts.processHelp} />
        {managed && (
          <>
            <BoundBy schema="ConfigurationDraft" name="manager_model" path={["configuration"]} />
            <details className={styles.more}>
              <summary>{crewTexts.managerMore}</summary>
              <div className={styles.fields}>
                <BoundBy schema="ConfigurationDraft" name="manager_fallback_models" path={["configuration"]} />
                <BoundBy schema="ConfigurationDraft" name="manager_model_settings" path={["configuration"]} />
              </div>
            </details>
          </>
        )}
      </section>
      <Agents />
      <Tasks />
      <details className={styles.more} data-path="configuration">
        <summary>{crewTexts.settings}</summary>
        <div className={styles.fields}>
          {configuration.map((spec) => (
            <Bound key={spec.name} path={["configuration", spec.name]} spec={spec} />
          ))}
        </div>
      </details>
    </div>
  );
}

/** Which cards are open, by their places. */
function useOpen(count: number) {
  const [open, setOpen] = useState<ReadonlySet<number>>(() => new Set(count === 1 ? [0] : []));
  const toggle = (index: number, on: boolean) =>
    setOpen((known) => {
      const next = new Set(known);
      if (on) next.add(index);
      else next.delete(index);
      return next;
    });
  return { open, toggle };
}

function Agents() {
  const editor = useEditor();
  const agents = entriesOf(editor.crew, "agents");
  const { open, toggle } = useOpen(agents.length);
  const add = () => {
    const entry = { role: crewTexts.newRole(agents.length + 1), goal: crewTexts.newGoal, model: "offline" };
    editor.edit(withEntry(editor.text, "agents", entry), "agents.add");
    toggle(agents.length, true);
  };
  return (
    <section className={styles.part} aria-label={crewTexts.agents}>
      <h2>{crewTexts.agents}</h2>
      <p className={styles.help}>{crewTexts.agentsHelp}</p>
      {agents.map((agent, index) => (
        <EntryCard
          // biome-ignore lint/suspicious/noArrayIndexKey: in the text, an agent is its place
          key={index}
          list="agents"
          index={index}
          count={agents.length}
          title={textOf(agent.name) || textOf(agent.role) || crewTexts.unnamedAgent}
          more={textOf(agent.model)}
          isOpen={open.has(index)}
          onToggle={(on) => toggle(index, on)}
          onRemove={() => editor.edit(withoutAgent(editor.text, index), "agents.remove")}
        >
          <AgentFields index={index} />
        </EntryCard>
      ))}
      <AddButton text={crewTexts.addAgent} onPress={add} />
    </section>
  );
}

function AgentFields({ index }: { index: number }) {
  const editor = useEditor();
  const path = ["agents", index];
  const first = new Set(["id", "name", "role", "goal", "backstory", "model", "tools"]);
  const rest = fieldsOf("AgentDraft").filter((field) => !first.has(field.name));
  const name = (field: "name" | "role") => (text: string) =>
    editor.edit(withAgentField(editor.text, index, field, text), `agents.${index}.${field}`);
  return (
    <div className={styles.fields}>
      <NameField path={[...path, "role"]} schema="AgentDraft" onCommit={name("role")} />
      <BoundBy schema="AgentDraft" name="goal" path={path} rows={2} />
      <BoundBy schema="AgentDraft" name="backstory" path={path} rows={2} />
      <BoundBy schema="AgentDraft" name="model" path={path} />
      <BoundBy schema="AgentDraft" name="tools" path={path} />
      <details className={styles.more}>
        <summary>{crewTexts.agentMore}</summary>
        <div className={styles.fields}>
          <NameField
            path={[...path, "name"]}
            schema="AgentDraft"
            onCommit={name("name")}
            help={crewTexts.agentNameHelp}
          />
          {rest.map((spec) => (
            <Bound key={spec.name} path={[...path, spec.name]} spec={spec} />
          ))}
        </div>
      </details>
    </div>
  );
}

function Tasks() {
  const editor = useEditor();
  const tasks = entriesOf(editor.crew, "tasks");
  const { open, toggle } = useOpen(tasks.length);
  const add = () => {
    const [agent] = agentNames(editor.crew);
    const entry: Entry = { name: freeName(tasks), description: crewTexts.newTask, ...(agent ? { agent } : {}) };
    editor.edit(withEntry(editor.text, "tasks", entry), "tasks.add");
    toggle(tasks.length, true);
  };
  return (
    <section className={styles.part} aria-label={crewTexts.tasks}>
      <h2>{crewTexts.tasks}</h2>
      <p className={styles.help}>{crewTexts.tasksHelp}</p>
      {tasks.map((task, index) => (
        <EntryCard
          // biome-ignore lint/suspicious/noArrayIndexKey: in the text, a task is its place
          key={index}
          list="tasks"
          index={index}
          count={tasks.length}
          title={textOf(task.name) || textOf(task.description).slice(0, 60) || crewTexts.unnamedTask}
          more={textOf(task.agent)}
          isOpen={open.has(index)}
          onToggle={(on) => toggle(index, on)}
          onRemove={() => editor.edit(withoutTask(editor.text, index), "tasks.remove")}
        >
          <TaskFields index={index} />
        </EntryCard>
      ))}
      <AddButton text={crewTexts.addTask} onPress={add} />
    </section>
  );
}

const TASK_FIRST = new Set([
  ...["id", "agent_id", "agent", "name", "description", "expected_output", "tools"],
  ...["context", "depends_on", "guardrail"],
]);

function TaskFields({ index }: { index: number }) {
  const editor = useEditor();
  const path = ["tasks", index];
  const rest = fieldsOf("TaskDraft").filter((field) => !TASK_FIRST.has(field.name));
  return (
    <div className={styles.fields}>
      <NameField
        path={[...path, "name"]}
        schema="TaskDraft"
        help={crewTexts.taskNameHelp}
        onCommit={(name) => editor.edit(withTaskName(editor.text, index, name), `tasks.${index}.name`)}
      />
      <BoundBy schema="TaskDraft" name="description" path={path} description={crewTexts.descriptionHelp} rows={4} />
      <BoundBy schema="TaskDraft" name="expected_output" path={path} rows={2} />
      <AgentSelect index={index} />
      <BoundBy schema="TaskDraft" name="tools" path={path} />
      <ContextField index={index} />
      <DependsOnField index={index} />
      <GuardrailField path={[...path, "guardrail"]} />
      <details className={styles.more}>
        <summary>{crewTexts.taskMore}</summary>
        <div className={styles.fields}>
          {rest.map((spec) => (
            <Bound key={spec.name} path={[...path, spec.name]} spec={spec} />
          ))}
        </div>
      </details>
    </div>
  );
}

const NOBODY = "";

function AgentSelect({ index }: { index: number }) {
  const path = ["tasks", index, "agent"];
  const editor = useEditor();
  const { value, error, isDisabled, onChange } = useBound(path);
  const known = agentNames(editor.crew).filter((name): name is string => !!name);
  const named = typeof value === "number" ? known[value] : textOf(value);
  const stranger = named && !known.includes(named) ? [{ id: named, text: named, more: crewTexts.noSuchAgent }] : [];
  return (
    <div data-path={path.join(".")}>
      <Select
        label={crewTexts.agent}
        description={editor.crew.process === "hierarchical" ? crewTexts.managerChooses : undefined}
        error={error}
        isDisabled={isDisabled}
        options={[{ id: NOBODY, text: crewTexts.nobody }, ...known.map((id) => ({ id, text: id })), ...stranger]}
        value={named || NOBODY}
        onChange={(key) => onChange(key === NOBODY ? undefined : key)}
      />
    </div>
  );
}

interface NameFieldProps {
  path: (string | number)[];
  schema: "AgentDraft" | "TaskDraft";
  onCommit: (text: string) => void;
  help?: string;
}

/** A name that others use: they follow once it is written, not letter by letter. */
function NameField({ path, schema, onCommit, help }: NameFieldProps) {
  const { value, error, isDisabled } = useBound(path);
  const [draft, setDraft] = useState<string>();
  const spec = fieldOf(schema, String(path.at(-1)));
  const commit = () => {
    if (draft !== undefined && draft !== textOf(value)) onCommit(draft.trim());
    setDraft(undefined);
  };
  return (
    <div data-path={path.join(".")}>
      <Field
        label={spec.label}
        description={help}
        error={error}
        isDisabled={isDisabled}
        isRequired={spec.required}
        value={draft ?? textOf(value)}
        onChange={setDraft}
        onBlur={commit}
        onKeyDown={(event) => event.key === "Enter" && commit()}
      />
    </div>
  );
}

function AddButton({ text, onPress }: { text: string; onPress: () => void }) {
  const { isReadOnly, reading } = useEditor();
  if (isReadOnly) return null;
  return (
    <Button className={styles.add} onPress={onPress} isDisabled={reading.fault !== undefined}>
      <icons.PlusIcon size={14} /> {text}
    </Button>
  );
}

function freeName(tasks: readonly Entry[]): string {
  const taken = new Set(tasks.map((task) => task.name));
  let at = tasks.length + 1;
  while (taken.has(`task_${at}`)) at++;
  return `task_${at}`;
}

function textOf(value: unknown): string {
  return typeof value === "string"
    ? value
    : isEntry(value) || value === undefined || value === null
      ? ""
      : String(value);
}
