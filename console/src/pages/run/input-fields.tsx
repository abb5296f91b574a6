import { TextArea } from "../../ui/index.ts";
import { faultOf, type InputField } from "./inputs.ts";

/** A form of a run's inputs. */
export function InputFields({
  fields,
  onChange,
}: {
  fields: readonly InputField[];
  onChange: (fields: InputField[]) => void;
}) {
  return fields.map((field) => (
    <TextArea
      key={field.name}
      label={field.name}
      rows={field.text.length > 80 || field.json ? 3 : 1}
      mono={field.json}
      value={field.text}
      error={faultOf(field)}
      onChange={(text) => onChange(fields.map((one) => (one === field ? { ...field, text } : one)))}
    />
  ));
}
