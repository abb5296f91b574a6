import type { ReactNode } from "react";
import {
  Checkbox as AriaCheckbox,
  ComboBox as AriaComboBox,
  Select as AriaSelect,
  Button,
  type CheckboxProps,
  type ComboBoxProps,
  Input,
  Label,
  ListBox,
  ListBoxItem,
  Popover,
  type SelectProps,
  SelectValue,
} from "react-aria-components";
import styles from "./field.module.css";
import { Notes } from "./field.tsx";
import { CheckIcon, ChevronIcon } from "./icons.tsx";
import menuStyles from "./menu.module.css";

export interface Option {
  id: string;
  text: string;
  /** What stands below the text. */
  more?: ReactNode;
}

interface Common {
  label: string;
  hideLabel?: boolean;
  description?: ReactNode;
  error?: string | null | undefined;
  options: readonly Option[];
}

type SelectOwnProps = Common & Omit<SelectProps<Option>, "children" | "className" | "style">;

/** One of a few. */
export function Select({ label, hideLabel, description, error, options, ...props }: SelectOwnProps) {
  return (
    <AriaSelect {...props} isInvalid={props.isInvalid ?? !!error} className={styles.field}>
      <Label className={hideLabel ? "visually-hidden" : styles.label}>{label}</Label>
      <Button className={`${styles.input} ${styles.trigger}`}>
        <SelectValue />
        <ChevronIcon />
      </Button>
      <Notes description={description} error={error} />
      <Popover className={menuStyles.popover} offset={4}>
        <Options options={options} />
      </Popover>
    </AriaSelect>
  );
}

type ComboOwnProps = Common & { placeholder?: string } & Omit<
    ComboBoxProps<Option>,
    "children" | "className" | "style"
  >;

/** One of many, found by typing; with `allowsCustomValue`, any text. */
export function ComboBox({ label, hideLabel, description, error, options, placeholder, ...props }: ComboOwnProps) {
  return (
    <AriaComboBox menuTrigger="focus" {...props} isInvalid={props.isInvalid ?? !!error} className={styles.field}>
      <Label className={hideLabel ? "visually-hidden" : styles.label}>{label}</Label>
      <div className={styles.combo}>
        <Input className={styles.input} placeholder={placeholder} />
        <Button className={styles.comboButton}>
          <ChevronIcon />
        </Button>
      </div>
      <Notes description={description} error={error} />
      <Popover className={menuStyles.popover} offset={4}>
        <Options options={options} />
      </Popover>
    </AriaComboBox>
  );
}

function Options({ options }: { options: readonly Option[] }) {
  return (
    <ListBox className={menuStyles.menu} items={options}>
      {(option) => (
        <ListBoxItem id={option.id} textValue={option.text} className={menuStyles.item}>
          <span>
            {option.text}
            {option.more && <span className={styles.description}> {option.more}</span>}
          </span>
        </ListBoxItem>
      )}
    </ListBox>
  );
}

export function Checkbox({
  children,
  ...props
}: Omit<CheckboxProps, "className" | "style" | "children"> & { children: ReactNode }) {
  return (
    <AriaCheckbox {...props} className={styles.check}>
      <span className={styles.box} aria-hidden="true">
        <CheckIcon size={12} />
      </span>
      <span>{children}</span>
    </AriaCheckbox>
  );
}
