import { useEffect, useState } from "react";
import { commonTexts } from "../texts/common.ts";
import { IconButton } from "./button.tsx";
import { CheckIcon, CopyIcon } from "./icons.tsx";

/** Copies a text. */
export function Copy({ text, label = commonTexts.copy }: { text: string; label?: string }) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), 2000);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = () => navigator.clipboard.writeText(text).then(() => setDone(true));
  return (
    <IconButton small label={done ? commonTexts.copied : label} onPress={copy}>
      {done ? <CheckIcon size={14} /> : <CopyIcon size={14} />}
    </IconButton>
  );
}
