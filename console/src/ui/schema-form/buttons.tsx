import type { IconButtonProps } from "@rjsf/utils";
import { formTexts } from "../../texts/forms.ts";

/** The form library's own buttons have their pictures from a font that is not here. */
function button(text: string) {
  return ({ id, onClick, disabled, className }: IconButtonProps) => (
    <button type="button" id={id} onClick={onClick} disabled={disabled} className={className}>
      {text}
    </button>
  );
}

export const buttonTemplates = {
  AddButton: button(formTexts.add),
  RemoveButton: button(formTexts.remove),
  MoveUpButton: button(formTexts.up),
  MoveDownButton: button(formTexts.down),
  CopyButton: button(formTexts.copy),
  ClearButton: button(formTexts.clear),
  SubmitButton: () => null,
};
