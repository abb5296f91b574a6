import { commonTexts } from "../texts/common.ts";
import { IconButton, icons, Menu, MenuItem, MenuTrigger } from "../ui/index.ts";
import { setTheme, type Theme, useTheme } from "../ui/theme.ts";

const ICONS = { system: icons.SystemIcon, light: icons.SunIcon, dark: icons.MoonIcon };

export function ThemeSwitch() {
  const theme = useTheme();
  const Icon = ICONS[theme];
  return (
    <MenuTrigger>
      <IconButton label={commonTexts.theme.label}>
        <Icon />
      </IconButton>
      <Menu
        selectionMode="single"
        selectedKeys={[theme]}
        disallowEmptySelection
        onAction={(key) => setTheme(key as Theme)}
      >
        <MenuItem id="system">{commonTexts.theme.system}</MenuItem>
        <MenuItem id="light">{commonTexts.theme.light}</MenuItem>
        <MenuItem id="dark">{commonTexts.theme.dark}</MenuItem>
      </Menu>
    </MenuTrigger>
  );
}
