import { stringify } from "yaml";
import type { Example } from "./index.ts";

/** The same in a shell, on the command line and in Python. */
export interface Recipes {
  curl: string;
  kasal: string;
  python: string;
}

/** Words for a shell, in quotes that keep everything as it is. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

export function recipesOf(example: Example, origin: string): Recipes {
  const { crew, inputs } = example;
  const yaml = stringify(crew, { lineWidth: 100 }).trimEnd();
  const flags = Object.entries(inputs).map(([name, value]) => ` -i ${name}=${quoted(String(value))}`);
  return { curl: curl(example, origin), kasal: command(crew.name, yaml, flags.join("")), python: python(yaml, inputs) };
}

function curl({ crew, inputs }: Example, origin: string): string {
  const field = (name: string) => `sed 's/.*"${name}":"\\([^"]*\\)".*/\\1/'`;
  const head = `-H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json'`;
  const start = `{"crew_id": "'$CREW'", "inputs": ${JSON.stringify(inputs).replaceAll("'", `'\\''`)}}`;
  return `API=${origin}/api/v1
TOKEN=$(curl -s $API/auth/login -H 'Content-Type: application/json' \\
  -d '{"email": "…", "password": "…"}' | ${field("access_token")})
CREW=$(curl -s $API/crews ${head} \\
  -d ${quoted(JSON.stringify(crew, null, 2))} | ${field("id")})
JOB=$(curl -s $API/executions ${head} \\
  -d '${start}' | ${field("job_id")})
curl -sN $API/executions/$JOB/events -H "Authorization: Bearer $TOKEN"`;
}

function command(name: string, yaml: string, flags: string): string {
  return `kasal login
cat > crew.yaml <<'END'
${yaml}
END
kasal apply crew.yaml
kasal run ${quoted(name)}${flags} --watch`;
}

function python(yaml: string, inputs: object): string {
  const given = Object.entries(inputs).map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`);
  return `from kasal import Kasal

CREW = """
${yaml}
"""

with Kasal() as kasal:  # as \`kasal login\` has it
    crew = kasal.crews.apply(CREW)
    run = crew.start({${given.join(", ")}})
    for event in run.events():
        print(event.seq, event.type)
    print(run.result())`;
}
