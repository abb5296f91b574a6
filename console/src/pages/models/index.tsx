import type { Schemas } from "@kasal/client";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { kasal, useMay } from "../../api/index.ts";
import { modelTexts } from "../../texts/models.ts";
import {
  Badge,
  Button,
  ComboBox,
  Empty,
  formats,
  Page,
  Problem,
  Section,
  SkeletonRows,
  Table,
  type Tone,
} from "../../ui/index.ts";
import { modelOptions, useModels } from "../crews/catalog.ts";
import { EndpointDialog, KeyDialog } from "./dialogs.tsx";
import styles from "./models.module.css";

type Provider = Schemas["ProviderEntry"];
type Shown = { kind: "key" | "endpoint"; name: string } | { kind: "new" };

const TONES: Record<Provider["key"], Tone> = { workspace: "ok", operator: "ok", not_needed: "ok", none: "warn" };

/** The models that agents can name, and the keys behind them. */
export default function ModelsPage() {
  const [shown, show] = useState<Shown>();
  const mayChange = useMay("admin");
  const models = useModels();
  const close = () => show(undefined);
  return (
    <Page
      title={modelTexts.title}
      lead={modelTexts.lead}
      actions={mayChange && <Button onPress={() => show({ kind: "new" })}>{modelTexts.addEndpoint}</Button>}
    >
      {models.error && <Problem what={modelTexts.couldNotRead} error={models.error} onRetry={() => models.refetch()} />}
      {models.isPending && <SkeletonRows />}
      {models.data && (
        <>
          <Section title={modelTexts.providers}>
            <Providers
              providers={models.data.providers}
              mayChange={mayChange}
              onKey={(name) => show({ kind: "key", name })}
            />
          </Section>
          <Section title={modelTexts.endpoints}>
            {models.data.endpoints.length === 0 ? (
              <Empty title={modelTexts.noEndpoints}>{modelTexts.noEndpointsText}</Empty>
            ) : (
              <Table
                label={modelTexts.endpoints}
                rows={models.data.endpoints}
                rowKey={(endpoint) => endpoint.endpoint}
                columns={[
                  {
                    id: "name",
                    title: modelTexts.endpoint.name,
                    grow: true,
                    cell: (endpoint) => (
                      <button
                        type="button"
                        className={styles.link}
                        onClick={() => show({ kind: "endpoint", name: endpoint.endpoint })}
                      >
                        {endpoint.endpoint}
                      </button>
                    ),
                  },
                  {
                    id: "key",
                    title: modelTexts.columns.key,
                    cell: (endpoint) => modelTexts.keys[endpoint.has_api_key ? "workspace" : "not_needed"],
                  },
                  {
                    id: "price",
                    title: modelTexts.columns.priced,
                    end: true,
                    cell: ({ price }) => (price ? `$${price.input} / $${price.output}` : modelTexts.noPrice),
                  },
                ]}
              />
            )}
          </Section>
          <TryModel />
        </>
      )}
      {shown?.kind === "key" && (
        <KeyDialog
          provider={shown.name}
          isOwn={models.data?.providers.find((each) => each.provider === shown.name)?.key === "workspace"}
          onClose={close}
        />
      )}
      {shown?.kind === "new" && <EndpointDialog onClose={close} />}
      {shown?.kind === "endpoint" && <EndpointDialog endpoint={shown.name} mayChange={mayChange} onClose={close} />}
    </Page>
  );
}

interface ProvidersProps {
  providers: readonly Provider[];
  mayChange: boolean;
  onKey: (provider: string) => void;
}

function Providers({ providers, mayChange, onKey }: ProvidersProps) {
  return (
    <div className={styles.providers}>
      {providers.map((provider) => (
        <div key={provider.provider} className={styles.provider}>
          <div className={styles.row}>
            <strong>{provider.provider}</strong>
            <Badge tone={TONES[provider.key]}>
              {modelTexts.columns.key}: {modelTexts.keys[provider.key]}
            </Badge>
            {mayChange && provider.provider !== "offline" && (
              <Button
                small
                className={styles.end}
                aria-label={(provider.key === "workspace" ? modelTexts.changeKeyOf : modelTexts.setKeyOf)(
                  provider.provider,
                )}
                onPress={() => onKey(provider.provider)}
              >
                {provider.key === "workspace" ? modelTexts.changeKey : modelTexts.setKey}
              </Button>
            )}
          </div>
          <p className={styles.help}>{provider.names}</p>
          {provider.models.length > 0 && (
            <details>
              <summary className={styles.summary}>{modelTexts.published(provider.models.length)}</summary>
              <PriceTable provider={provider} />
            </details>
          )}
        </div>
      ))}
    </div>
  );
}

function PriceTable({ provider }: { provider: Provider }) {
  const { columns } = modelTexts;
  return (
    <>
      <p className={styles.help}>{modelTexts.perMillion}</p>
      <Table
        label={modelTexts.show(provider.provider)}
        rows={provider.models}
        rowKey={(model) => model.model}
        columns={[
          { id: "model", title: columns.model, grow: true, cell: (model) => <code>{model.model}</code> },
          {
            id: "window",
            title: columns.window,
            end: true,
            cell: (model) => (model.context_window ? formats.tokens(model.context_window) : modelTexts.noPrice),
          },
          {
            id: "in",
            title: columns.input,
            end: true,
            cell: ({ price }) => (price ? `$${price.input}` : modelTexts.noPrice),
          },
          {
            id: "out",
            title: columns.output,
            end: true,
            cell: ({ price }) => (price ? `$${price.output}` : modelTexts.noPrice),
          },
        ]}
      />
    </>
  );
}

function TryModel() {
  const texts = modelTexts.check;
  const [model, setModel] = useState("offline");
  const { data } = useModels();
  const check = useMutation({ mutationFn: () => kasal.post("/models/check", { body: { model }, timeout: 60_000 }) });
  const options = modelOptions(data);
  const exact = options.some((option) => option.id === model);
  const found = exact ? options : options.filter((option) => option.text.includes(model));
  return (
    <Section title={texts.title}>
      <p className={styles.help}>{texts.lead}</p>
      <form
        className={styles.try}
        onSubmit={(event) => {
          event.preventDefault();
          check.mutate();
        }}
      >
        <ComboBox
          label={texts.model}
          options={found.slice(0, 200)}
          inputValue={model}
          onInputChange={setModel}
          value={exact ? model : null}
          onChange={(key) => key !== null && setModel(String(key))}
          allowsCustomValue
        />
        <Button type="submit" isPending={check.isPending} isDisabled={!model.trim()}>
          {texts.button}
        </Button>
      </form>
      <div role="status">
        {check.data?.ok && (
          <p className={styles.ok}>{texts.ok(check.data.model, formats.duration((check.data.seconds ?? 0) * 1000))}</p>
        )}
        {check.data && !check.data.ok && (
          <p className={styles.bad}>
            {check.data.message} <code>{check.data.code}</code>
          </p>
        )}
      </div>
      {check.error && <Problem what={texts.failed} error={check.error} />}
    </Section>
  );
}
