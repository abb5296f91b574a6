import type { Schemas } from "@kasal/client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { kasal, keys } from "../../api/index.ts";
import type { Written } from "../../forms/record.ts";
import { RecordForm } from "../../forms/record-form.tsx";
import { modelTexts } from "../../texts/models.ts";
import { Dialog, Field, Problem, SkeletonRows, toast } from "../../ui/index.ts";
import { Removal } from "../../ui/removal.tsx";
import styles from "./models.module.css";

/** What the API shows of headers that may be keys; sent back, the stored value stays. */
type Known = { base_url: string | null; headers: Record<string, string>; has_api_key: boolean };

function writtenOf(known: (Known & { price?: unknown }) | undefined): Written {
  if (!known) return {};
  return {
    ...(known.base_url ? { base_url: known.base_url } : {}),
    ...(Object.keys(known.headers).length ? { headers: known.headers } : {}),
    ...(known.price ? { price: known.price } : {}),
  };
}

/** The workspace's own key for a provider. */
export function KeyDialog({ provider, isOwn, onClose }: { provider: string; isOwn: boolean; onClose: () => void }) {
  const known = useQuery({
    queryKey: [...keys.models, "provider", provider],
    queryFn: ({ signal }) => kasal.get("/models/providers/{provider}", { path: { provider }, signal }),
    enabled: isOwn,
    gcTime: 0,
  });
  return (
    <Dialog title={modelTexts.key.title(provider)} isOpen onOpenChange={onClose}>
      {known.error && <Problem error={known.error} />}
      {isOwn && !known.data && !known.error && <SkeletonRows count={3} />}
      {(!isOwn || known.data) && <KeyForm provider={provider} known={known.data} onClose={onClose} />}
    </Dialog>
  );
}

function KeyForm({ provider, known, onClose }: { provider: string; known: Known | undefined; onClose: () => void }) {
  const texts = modelTexts.key;
  const [value, setValue] = useState<Written>(() => writtenOf(known));
  const client = useQueryClient();
  const done = async (said: string) => {
    toast(said);
    onClose();
    await client.invalidateQueries({ queryKey: keys.models });
  };
  const path = { provider };
  const save = useMutation({
    mutationFn: () => kasal.put("/models/providers/{provider}", { path, body: value as Schemas["ProviderSettings"] }),
    onSuccess: () => done(texts.saved(provider)),
  });
  return (
    <>
      <p className={styles.help}>{texts.lead}</p>
      <RecordForm
        schema="ProviderSettings"
        first={["api_key"]}
        value={value}
        onChange={setValue}
        onSubmit={() => save.mutate()}
        submit={texts.save}
        isPending={save.isPending}
        error={save.error}
        failed={texts.failed}
      />
      {known && (
        <Removal
          open={texts.remove}
          title={texts.removing(provider)}
          text={texts.removingText}
          confirm={texts.remove}
          failed={texts.notRemoved}
          remove={() => kasal.delete("/models/providers/{provider}", { path })}
          onRemoved={() => done(texts.removed(provider))}
        />
      )}
    </>
  );
}

/** An endpoint: a new one, or one that is changed. */
export function EndpointDialog({
  endpoint,
  mayChange = true,
  onClose,
}: {
  endpoint?: string;
  mayChange?: boolean;
  onClose: () => void;
}) {
  const texts = modelTexts.endpoint;
  const known = useQuery({
    queryKey: [...keys.models, "endpoint", endpoint],
    queryFn: ({ signal }) => kasal.get("/models/endpoints/{endpoint}", { path: { endpoint: endpoint ?? "" }, signal }),
    enabled: endpoint !== undefined,
    gcTime: 0,
  });
  return (
    <Dialog title={endpoint ? texts.title(endpoint) : texts.newTitle} isOpen onOpenChange={onClose}>
      {known.error && <Problem error={known.error} />}
      {endpoint && !known.data && !known.error && <SkeletonRows count={3} />}
      {(!endpoint || known.data) && (
        <EndpointForm endpoint={endpoint} known={known.data} mayChange={mayChange} onClose={onClose} />
      )}
    </Dialog>
  );
}

interface EndpointFormProps {
  endpoint: string | undefined;
  known: Schemas["EndpointView"] | undefined;
  mayChange: boolean;
  onClose: () => void;
}

function EndpointForm({ endpoint, known, mayChange, onClose }: EndpointFormProps) {
  const texts = modelTexts.endpoint;
  const [name, setName] = useState(endpoint ?? "");
  const [value, setValue] = useState<Written>(() => writtenOf(known));
  const client = useQueryClient();
  const done = async (said: string) => {
    toast(said);
    onClose();
    await client.invalidateQueries({ queryKey: keys.models });
  };
  const path = { endpoint: name.trim() };
  const save = useMutation({
    mutationFn: () =>
      kasal.put("/models/endpoints/{endpoint}", { path, body: value as unknown as Schemas["EndpointSettings"] }),
    onSuccess: () => done(texts.saved(name)),
  });
  return (
    <>
      {!endpoint && (
        <Field label={texts.name} description={texts.nameHelp} isRequired value={name} onChange={setName} />
      )}
      {known?.has_api_key && <p className={styles.help}>{texts.hasKey}</p>}
      <RecordForm
        schema="EndpointSettings"
        first={["base_url", "api_key", "price"]}
        value={value}
        onChange={setValue}
        onSubmit={() => save.mutate()}
        submit={texts.save}
        isPending={save.isPending}
        isReadOnly={!mayChange || !name.trim()}
        error={save.error}
        failed={texts.failed}
      />
      {endpoint && mayChange && (
        <Removal
          open={texts.remove}
          title={texts.removing(endpoint)}
          text={texts.removingText}
          confirm={texts.remove}
          failed={texts.notRemoved}
          remove={() => kasal.delete("/models/endpoints/{endpoint}", { path })}
          onRemoved={() => done(texts.removed(endpoint))}
        />
      )}
    </>
  );
}
