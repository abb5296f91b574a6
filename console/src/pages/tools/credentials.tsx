import type { Written } from "../../forms/record.ts";
import { toolTexts } from "../../texts/tools.ts";
import { Field } from "../../ui/index.ts";

const texts = toolTexts.credentials;

/** What each kind of authentication needs. */
const PARTS: Record<string, readonly ("token" | "key" | "header" | "username" | "password")[]> = {
  bearer: ["token"],
  api_key: ["key", "header"],
  basic: ["username", "password"],
};
const SECRET = new Set(["token", "key", "password"]);

interface CredentialsProps {
  value: Written;
  onChange: (value: Written) => void;
  /** Says that there are some already. */
  known?: string | undefined;
  error?: string | undefined;
}

/** The credentials for the chosen `auth_type`; they are written and never read. */
export function Credentials({ value, onChange, known, error }: CredentialsProps) {
  const parts = PARTS[String(value.auth_type ?? "none")] ?? [];
  const held = (value.credentials ?? {}) as Record<string, string>;
  return parts.map((part, at) => (
    <Field
      key={part}
      label={texts[part]}
      type={SECRET.has(part) ? "password" : "text"}
      autoComplete="off"
      description={at === 0 ? (known ?? texts.help) : undefined}
      placeholder={part === "header" ? "X-API-Key" : undefined}
      error={at === 0 ? error : undefined}
      value={held[part] ?? ""}
      onChange={(text) => {
        const { [part]: _, ...others } = held;
        const next = text ? { ...others, [part]: text } : others;
        onChange({ ...value, credentials: Object.keys(next).length ? next : undefined });
      }}
    />
  ));
}
