import { lazy, Suspense } from "react";
import type { SchemaFormProps } from "./schema-form/form.tsx";
import { SkeletonRows } from "./skeleton.tsx";

const LazyForm = lazy(() => import("./schema-form/form.tsx"));

export type { SchemaFormProps };

/** A form made from a JSON Schema. It is loaded when the first one is shown. */
export function SchemaForm(props: SchemaFormProps) {
  return (
    <Suspense fallback={<SkeletonRows count={2} height="52px" />}>
      <LazyForm {...props} />
    </Suspense>
  );
}
