import { type FormEvent, useState } from "react";
import { logIn, useSession } from "../../session/session.ts";
import { loginTexts } from "../../texts/login.ts";
import { Button, Field, Problem, useTabTitle } from "../../ui/index.ts";
import styles from "./login.module.css";

export default function LoginPage() {
  const session = useSession();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState<unknown>();
  const [pending, setPending] = useState(false);
  useTabTitle(loginTexts.title);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (pending) return;
    setPending(true);
    setError(undefined);
    try {
      await logIn(email, password);
    } catch (failure) {
      setError(failure);
      setPending(false);
    }
  }

  return (
    <main className={styles.login}>
      <form className={styles.form} onSubmit={submit}>
        <h1>{loginTexts.title}</h1>
        {session.expired && !error && <p role="status">{loginTexts.expired}</p>}
        <Field
          label={loginTexts.email}
          type="email"
          name="email"
          autoComplete="username"
          value={email}
          onChange={setEmail}
          isRequired
          autoFocus
        />
        <Field
          label={loginTexts.password}
          type="password"
          name="password"
          autoComplete="current-password"
          value={password}
          onChange={setPassword}
          isRequired
        />
        {error !== undefined && <Problem error={error} />}
        <Button kind="primary" type="submit" isPending={pending}>
          {loginTexts.submit}
        </Button>
      </form>
    </main>
  );
}
