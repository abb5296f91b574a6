import { useMe } from "../api/index.ts";
import { queryClient } from "../api/query-client.ts";
import { logOut } from "../session/session.ts";
import { commonTexts } from "../texts/common.ts";
import { layoutTexts } from "../texts/layout.ts";
import { Button, icons, Menu, MenuItem, MenuSeparator, MenuTrigger } from "../ui/index.ts";
import { setTheme, type Theme, useTheme } from "../ui/theme.ts";
import { toast } from "../ui/toasts.tsx";
import styles from "./layout.module.css";

const THEMES = [
  { id: "system", text: commonTexts.theme.system, Icon: icons.SystemIcon },
  { id: "light", text: commonTexts.theme.light, Icon: icons.SunIcon },
  { id: "dark", text: commonTexts.theme.dark, Icon: icons.MoonIcon },
] as const;

async function leave(): Promise<void> {
  try {
    await logOut();
    queryClient.clear();
  } catch {
    toast(commonTexts.account.stillIn, "bad");
  }
}

/** Who is logged in: theme, keys, and the way out. */
export function AccountMenu({ onShortcuts }: { onShortcuts: () => void }) {
  const me = useMe().data;
  const theme = useTheme();
  const act = (key: string) => {
    if (key === "keys") onShortcuts();
    else if (key === "out") void leave();
    else setTheme(key as Theme);
  };
  return (
    <MenuTrigger>
      <Button kind="quiet" className={styles.account}>
        <span className="visually-hidden">{commonTexts.account.label}</span>
        <span className={styles.initial} aria-hidden="true">
          {(me?.name || me?.email || "?").slice(0, 1).toUpperCase()}
        </span>
        <span className={styles.who}>
          <span>{me?.name || me?.email || "\u00a0"}</span>
          <span className={styles.kind}>{me ? layoutTexts.roles[me.role] : "\u00a0"}</span>
        </span>
      </Button>
      <Menu onAction={(key) => act(String(key))}>
        {THEMES.map(({ id, text, Icon }) => (
          <MenuItem key={id} id={id} textValue={text}>
            <Icon /> {text}
            {theme === id && (
              <span className={styles.mark}>
                <icons.CheckIcon size={14} />
                <span className="visually-hidden">{commonTexts.chosen}</span>
              </span>
            )}
          </MenuItem>
        ))}
        <MenuSeparator />
        <MenuItem id="keys">{commonTexts.account.shortcuts}</MenuItem>
        <MenuItem id="out">{commonTexts.account.logOut}</MenuItem>
      </Menu>
    </MenuTrigger>
  );
}
