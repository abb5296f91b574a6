import { Button, Copy, DialogActions } from "../../ui/index.ts";
import styles from "./workspace.module.css";

interface SecretProps {
  text: string;
  label: string;
  secret: string;
  copy: string;
  done: string;
  onDone: () => void;
}

/** Something that is shown only once. */
export function Secret({ text, label, secret, copy, done, onDone }: SecretProps) {
  return (
    <>
      <p>{text}</p>
      <div className={styles.secret}>
        <output aria-label={label}>{secret}</output>
        <Copy text={secret} label={copy} />
      </div>
      <DialogActions>
        <Button kind="primary" onPress={onDone}>
          {done}
        </Button>
      </DialogActions>
    </>
  );
}
